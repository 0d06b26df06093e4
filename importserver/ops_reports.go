package importserver

import (
	"encoding/json"
	"net/http"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/wire"
)

// reportsOps are the operations of vulnerabilities, policies and checks.
var reportsOps = map[string]operation{
	"get_image_vulnerability_types":       getVulnerabilityTypes,
	"get_image_vulnerabilities_by_digest": getVulnerabilities,
	"get_image_policy_check_by_digest":    getCheck,
	"list_policies":                       getPolicies,
	"add_policy":                          postPolicy,
	"get_policy":                          getPolicy,
	"update_policy":                       putPolicy,
	"delete_policy":                       deletePolicy,
	"describe_policy":                     getPolicySpec,
	"stateless_scan":                      postScan,
	"vulnerability_scan_sbom":             postVulnerabilityScan,

	"get_image_vulnerabilities_by_digest_cyclonedx_json": vulnerabilitiesIn("cyclonedx-json"),
	"get_image_vulnerabilities_by_digest_cyclonedx_xml":  vulnerabilitiesIn("cyclonedx-xml"),
	"get_image_openvex":        vexIn("openvex"),
	"get_image_cyclonedx_json": vexIn("cyclonedx-json"),
	"get_image_cyclonedx_xml":  vexIn("cyclonedx-xml"),
}

func getPolicies(a *Account, w http.ResponseWriter, r *http.Request) error {
	detail := flag(r.URL.Query(), "detail", false)
	list, err := a.Policies(r.Context(), detail)
	return give(w, list, err)
}

func postPolicy(a *Account, w http.ResponseWriter, r *http.Request) error {
	p, err := readPolicy(r)
	if err != nil {
		return err
	}
	record, err := a.AddPolicy(r.Context(), p)
	return give(w, record, err)
}

// readPolicy reads the body as a policy, whichever version's words it is in.
func readPolicy(r *http.Request) (policy.Policy, error) {
	var raw json.RawMessage
	if err := readJSON(r, &raw); err != nil {
		return policy.Policy{}, err
	}
	return policyIn(raw)
}

func policyIn(data []byte) (policy.Policy, error) {
	p, err := policy.Read(data)
	if err != nil {
		return p, fault.New(fault.Invalid, "the policy cannot be read: %s", jsonError(err))
	}
	return p, nil
}

func getPolicy(a *Account, w http.ResponseWriter, r *http.Request) error {
	detail := flag(r.URL.Query(), "detail", true)
	p, err := a.Policy(r.Context(), r.PathValue("policy_id"))
	if !detail {
		p.Policy = nil
	}
	return give(w, p, err)
}

// putPolicy replaces a policy where the body has one, and activates it where the
// body or the query says so. A policy cannot be made inactive: activate another.
func putPolicy(a *Account, w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("policy_id")
	u, err := readUpdate(r)
	if err != nil {
		return err
	}
	if u.ID != "" && u.ID != id {
		return fault.New(fault.Invalid, "update policy %.100q: the record is of policy %.100q", id, u.ID)
	}
	active := flag(r.URL.Query(), "active", u.Active)
	var record wire.PolicyRecord
	switch {
	case u.Policy != nil:
		record, err = a.updatePolicy(r.Context(), id, *u.Policy, active)
	case active:
		record, err = a.ActivatePolicy(r.Context(), id)
	default:
		record, err = a.Policy(r.Context(), id)
	}
	return give(w, record, err)
}

// readUpdate reads a policy's record, or a policy that stands by itself.
func readUpdate(r *http.Request) (wire.PolicyUpdate, error) {
	var raw json.RawMessage
	var given struct {
		ID       string          `json:"policy_id"`
		Active   bool            `json:"active"`
		Policy   json.RawMessage `json:"policy"`
		RuleSets json.RawMessage `json:"rule_sets"`
		Policies json.RawMessage `json:"policies"`
	}
	if err := readJSON(r, &raw); err != nil {
		return wire.PolicyUpdate{}, err
	}
	if err := json.Unmarshal(raw, &given); err != nil {
		return wire.PolicyUpdate{}, fault.New(fault.Invalid, "the policy's record cannot be read: %s", jsonError(err))
	}
	if given.RuleSets != nil || given.Policies != nil {
		given.Policy = raw
	}
	u := wire.PolicyUpdate{ID: given.ID, Active: given.Active}
	if given.Policy == nil || string(given.Policy) == "null" {
		return u, nil
	}
	p, err := policyIn(given.Policy)
	u.Policy = &p
	return u, err
}

func deletePolicy(a *Account, w http.ResponseWriter, r *http.Request) error {
	if err := a.DeletePolicy(r.Context(), r.PathValue("policy_id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
