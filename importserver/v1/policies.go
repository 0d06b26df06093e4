package v1

// policyRequest renames what an update of a policy has. The bundle itself is read
// in either version's words.
func policyRequest(m map[string]any) error {
	for from, to := range policyRequestKeys {
		move(m, from, to)
	}
	return nil
}

func policies(c *call, v any) (any, bool) {
	v, _ = list(c, v)
	all, _ := v.([]any)
	for _, p := range all {
		policy(c, p)
	}
	return v, true
}

// policy has its bundle in version 1's words.
func policy(_ *call, v any) (any, bool) {
	if m, ok := v.(map[string]any); ok {
		if p, ok := m["policy"].(map[string]any); ok {
			m["policy"] = bundle(p)
		} else {
			delete(m, "policy")
		}
	}
	return v, true
}

// bundle is a policy in version 1's words.
func bundle(p map[string]any) map[string]any {
	p["version"] = "1_0"
	described(p)
	move(p, "rule_sets", "policies")
	move(p, "allowlists", "whitelists")
	move(p, "allowlisted_images", "whitelisted_images")
	move(p, "denylisted_images", "blacklisted_images")
	for _, key := range []string{"policies", "whitelists", "mappings", "whitelisted_images", "blacklisted_images"} {
		if p[key] == nil {
			p[key] = []any{}
		}
		for _, x := range each(p, key) {
			described(x)
			move(x, "rule_set_ids", "policy_ids")
			move(x, "allowlist_ids", "whitelist_ids")
		}
	}
	for _, x := range append(each(p, "policies"), each(p, "whitelists")...) {
		if text(x, "version") == "2" {
			x["version"] = "1_0"
		}
	}
	return p
}

// described has comments in place of descriptions.
func described(m map[string]any) { move(m, "description", "comment") }
