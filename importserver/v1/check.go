package v1

import (
	"strings"
	"time"
)

// header names the columns of a check's rows.
var header = []any{"Image_Id", "Repo_Tag", "Trigger_Id", "Gate", "Trigger", "Check_Output", "Gate_Action", "Whitelisted", "Policy_Id"}

// check is a policy check as version 1 has it: by digest, then by tag.
func check(c *call, v any) (any, bool) {
	digest, tag, id := text(v, "image_digest"), text(v, "evaluated_tag"), text(v, "policy_id")
	imageID, account, asked := "", "", false
	evaluations := []any{}
	for _, e := range each(v, "evaluations") {
		one := map[string]any{
			"policyId": id, "status": e["status"], "last_evaluation": seconds(text(e, "evaluation_time")), "detail": map[string]any{},
		}
		if details, ok := e["details"].(map[string]any); ok {
			if !asked {
				if imageID, account, asked = c.image(digest, tag); !asked {
					return nil, false
				}
			}
			p, _ := details["policy"].(map[string]any)
			if p != nil {
				p = bundle(p)
			}
			one["detail"] = map[string]any{"result": result(e, details, imageID, tag, account, p), "policy": p}
		}
		evaluations = append(evaluations, one)
	}
	return []any{map[string]any{digest: map[string]any{tag: evaluations}}}, true
}

// image asks for the id of an image, and for its owner.
func (c *call) image(digest, tag string) (id, account string, ok bool) {
	var image map[string]any
	if !c.get("get_image", []string{digest}, nil, &image) {
		return "", "", false
	}
	for _, d := range each(image, "image_detail") {
		if id == "" || text(d, "full_tag") == tag {
			id = idOf(image, d)
		}
	}
	return id, text(image, "account_name"), true
}

// result is the record of one evaluation.
func result(e, details map[string]any, imageID, tag, account string, p map[string]any) map[string]any {
	rows := []any{}
	for _, f := range each(details, "findings") {
		rows = append(rows, []any{
			imageID, tag, f["trigger_id"], f["gate"], f["trigger"], f["message"], strings.ToLower(text(f, "action")), whitelisted(f), f["policy_id"],
		})
	}
	at := seconds(text(e, "evaluation_time"))
	return map[string]any{
		"user_id": account, "image_id": imageID, "tag": tag, "bundle": p, "created_at": at, "last_modified": at,
		"matched_mapping_rule":            orFalse(mapping(e["matched_mapping_rule"])),
		"matched_whitelisted_images_rule": orFalse(rule(e["matched_allowlisted_images_rule"])),
		"matched_blacklisted_images_rule": orFalse(rule(e["matched_denylisted_images_rule"])),
		"final_action":                    e["final_action"], "final_action_reason": reason(text(e, "final_action_reason")),
		"evaluation_problems": e["evaluation_problems"],
		"result": map[string]any{
			imageID: map[string]any{"result": map[string]any{
				"header": header, "row_count": len(rows), "rows": rows, "final_action": details["policy_action"],
			}},
			"policy_data": []any{}, "whitelist_data": []any{}, "policy_name": "", "whitelist_names": []any{},
		},
	}
}

// whitelisted is false, or what a finding was set aside by.
func whitelisted(finding map[string]any) any {
	match, ok := finding["allowlist_match"].(map[string]any)
	if !ok {
		return false
	}
	return map[string]any{"whitelist_name": match["name"], "whitelist_id": match["id"], "matched_rule_id": match["matched_rule_id"]}
}

func reason(s string) string {
	switch s {
	case "allowlisted":
		return "whitelisted"
	case "denylisted":
		return "blacklisted"
	}
	return s
}

func mapping(v any) any {
	if m, ok := v.(map[string]any); ok {
		move(m, "rule_set_ids", "policy_ids")
		move(m, "allowlist_ids", "whitelist_ids")
	}
	return rule(v)
}

func rule(v any) any {
	if m, ok := v.(map[string]any); ok {
		described(m)
	}
	return v
}

func orFalse(v any) any {
	if v == nil {
		return false
	}
	return v
}

// seconds is a time without the parts of its second.
func seconds(s string) string {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return s
	}
	return t.UTC().Truncate(time.Second).Format(time.RFC3339)
}
