package policy

import "github.com/tidepole/tidepole/formats/policy"

// Default is the policy in force until another is activated: the Anchore API's
// default bundle, with the ids that it has there.
func Default() policy.Policy {
	return policy.Policy{
		ID:          "2c53a13c-1765-11e8-82ef-23527761d060",
		Name:        "Default policy",
		Version:     "2",
		Description: "Stops at vulnerabilities above medium and at an open SSH port",
		RuleSets: []policy.RuleSet{{
			ID:      "48e6f7d6-1765-11e8-b5f9-8b6f228548b6",
			Name:    "Default rules",
			Version: "2",
			Rules: []policy.Rule{
				rule("ce7b8000-829b-4c27-8122-69cd59018400", "STOP", "dockerfile", "exposed_ports", "ports", "22", "type", "denylist"),
				rule("312d9e41-1c05-4e2f-ad89-b7d34b0855bb", "WARN", "dockerfile", "instruction", "instruction", "HEALTHCHECK", "check", "not_exists"),
				rule("6b5c14e7-a6f7-48cc-99d2-959273a2c6fa", "WARN", "vulnerabilities", "stale_feed_data", "max_days_since_sync", "2"),
				rule("3e79ea94-18c4-4d26-9e29-3b9172a62c2e", "WARN", "vulnerabilities", "vulnerability_data_unavailable"),
				rule("6063fdde-b1c5-46af-973a-915739451ac4", "WARN", "vulnerabilities", "package", "package_type", "all", "severity_comparison", "=", "severity", "medium"),
				rule("b30e8abc-444f-45b1-8a37-55be1b8c8bb5", "STOP", "vulnerabilities", "package", "package_type", "all", "severity_comparison", ">", "severity", "medium"),
			},
		}},
		Allowlists: []policy.Allowlist{{
			ID:      "37fd763e-1765-11e8-add4-3b16c029ac5c",
			Name:    "Global allowlist",
			Version: "2",
			Items:   []policy.AllowlistItem{},
		}},
		Mappings: []policy.Mapping{{
			ID:           "c4f9bf74-dc38-4ddf-b5cf-00e9c0074611",
			Name:         "default",
			RuleSetIDs:   []string{"48e6f7d6-1765-11e8-b5f9-8b6f228548b6"},
			AllowlistIDs: []string{"37fd763e-1765-11e8-add4-3b16c029ac5c"},
			Registry:     "*",
			Repository:   "*",
			Image:        policy.ImageRef{Type: "tag", Value: "*"},
		}},
	}
}

func rule(id, action, gate, trigger string, params ...string) policy.Rule {
	r := policy.Rule{ID: id, Action: action, Gate: gate, Trigger: trigger, Params: []policy.Param{}}
	for i := 0; i < len(params); i += 2 {
		r.Params = append(r.Params, policy.Param{Name: params[i], Value: params[i+1]})
	}
	return r
}
