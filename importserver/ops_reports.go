package importserver

import (
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
}

// reportsPending are those that are yet to be built.
var reportsPending = []string{
	"get_image_vulnerabilities_by_digest_cyclonedx_json",
	"get_image_vulnerabilities_by_digest_cyclonedx_xml",
	"get_image_openvex",
	"get_image_cyclonedx_json",
	"get_image_cyclonedx_xml",
	"stateless_scan",
	"describe_policy",
	"vulnerability_scan_sbom",
}

func getPolicies(a *Account, w http.ResponseWriter, r *http.Request) error {
	detail, err := yes(r, "detail", false)
	if err != nil {
		return err
	}
	list, err := a.Policies(r.Context(), detail)
	return give(w, list, err)
}

func postPolicy(a *Account, w http.ResponseWriter, r *http.Request) error {
	var p policy.Policy
	if err := readJSON(r, &p); err != nil {
		return err
	}
	record, err := a.AddPolicy(r.Context(), p)
	return give(w, record, err)
}

func getPolicy(a *Account, w http.ResponseWriter, r *http.Request) error {
	detail, err := yes(r, "detail", true)
	if err != nil {
		return err
	}
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
	var u wire.PolicyUpdate
	if err := readJSON(r, &u); err != nil {
		return err
	}
	if u.ID != "" && u.ID != id {
		return fault.New(fault.Invalid, "update policy %.100q: the record is of policy %.100q", id, u.ID)
	}
	active, err := yes(r, "active", u.Active)
	if err != nil {
		return err
	}
	var record wire.PolicyRecord
	if u.Policy != nil {
		record, err = a.UpdatePolicy(r.Context(), id, *u.Policy)
	} else {
		record, err = a.Policy(r.Context(), id)
	}
	if err == nil && active {
		record, err = a.ActivatePolicy(r.Context(), id)
	}
	return give(w, record, err)
}

func deletePolicy(a *Account, w http.ResponseWriter, r *http.Request) error {
	if err := a.DeletePolicy(r.Context(), r.PathValue("policy_id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
