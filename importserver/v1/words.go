package v1

import (
	"io"
	"maps"
	"net/http"
	"slices"
)

// words say how an operation of version 1 differs from that of version 2 that
// serves it.
type words struct {
	ask    func(*call)                                // changes what is asked
	before func(*call) (any, bool)                    // asks for what the answer needs; false: it has answered itself
	body   func(map[string]any) error                 // changes the request's JSON body
	answer func(*call, any) (any, bool)               // changes the answer; false: it has answered itself
	names  map[string]string                          // keys of the answer: version 2's to version 1's
	empty  bool                                       // an empty answer (204) stays one
	pass   func(to http.ResponseWriter) (w io.Writer) // the answer is passed on as it comes
	long   *long                                      // the answer is translated as it comes
}

// passing is where a success goes that is not kept; nil where it is.
func (w words) passing() func(http.ResponseWriter) io.Writer {
	switch {
	case w.long != nil:
		return w.long.translate(w.names)
	case w.pass == nil && w.answer == nil && w.names == nil:
		return asItComes
	}
	return w.pass
}

// Keys whose names changed, by what they stand in.
var (
	imageNames = map[string]string{
		"account_name": "userId", "image_digest": "imageDigest", "parent_digest": "parentDigest",
		"full_tag": "fulltag", "full_digest": "fulldigest", "image_id": "imageId",
	}
	digestNames       = map[string]string{"image_digest": "imageDigest"}
	deletionNames     = map[string]string{"image_digest": "digest"}
	ownerNames        = map[string]string{"account_name": "userId"}
	policyNames       = map[string]string{"account_name": "userId", "policy_id": "policyId", "policy": "policybundle"}
	registryNames     = map[string]string{"account_name": "userId", "last_updated": "last_upated"} // as the original spells it
	serviceNames      = map[string]string{"service_name": "servicename", "host_id": "hostid"}
	eventNames        = map[string]string{"event_id": "generated_uuid", "service_name": "servicename", "host_id": "hostid", "account_name": "user_id"}
	specNames         = map[string]string{"superseded_by": "superceded_by"} // as the original spells it
	tokenNames        = map[string]string{"access_token": "token"}
	policyRequestKeys = map[string]string{"policyId": "policy_id", "policybundle": "policy"}
)

// table has the operations that differ in more than their paths.
var table = map[string]words{
	"ping": {answer: func(*call, any) (any, bool) { return "v1", true }},

	"add_image":            {body: imageRequest, answer: images, names: imageNames},
	"list_images":          {ask: tagOfBody, long: &long{key: "items", bare: true, each: oneImage}, names: imageNames},
	"get_image":            {answer: images, names: imageNames},
	"get_image_by_imageId": {answer: images, names: imageNames},
	"delete_images_async":  {answer: list, names: deletionNames},
	"delete_image":         {names: deletionNames},

	"delete_image_by_imageId": {names: deletionNames},
	"list_imagetags":          {long: &long{key: "items", bare: true, each: bareID}, names: imageNames},

	"get_image_policy_check":            {answer: check},
	"get_image_policy_check_by_imageId": {answer: check},

	"get_image_vulnerabilities_by_type":         {long: vulnerabilities, names: digestNames},
	"get_image_vulnerabilities_by_type_imageId": {long: vulnerabilities, names: digestNames},

	"get_image_content_by_type":                     {long: packages, names: digestNames},
	"get_image_content_by_type_imageId":             {long: packages, names: digestNames},
	"get_image_content_by_type_javapackage":         {long: packages, names: digestNames},
	"get_image_content_by_type_imageId_javapackage": {long: packages, names: digestNames},
	"get_image_content_by_type_malware":             {names: digestNames},
	"get_image_content_by_type_files":               {long: files, names: digestNames},
	"get_image_content_by_type_imageId_files":       {long: files, names: digestNames},

	"get_image_metadata_by_type": {names: digestNames},
	"list_retrieved_files":       {pass: asItComes},
	"get_image_sbom_native":      {pass: zipped},

	"list_policies": {answer: policies, names: policyNames},
	"get_policy":    {answer: policies, names: policyNames},
	"add_policy":    {answer: policy, names: policyNames},
	"update_policy": {body: policyRequest, answer: policies, names: policyNames},

	"list_subscriptions":  {long: &long{key: "items", bare: true}, names: ownerNames},
	"add_subscription":    {answer: list, names: ownerNames},
	"get_subscription":    {answer: list, names: ownerNames},
	"update_subscription": {answer: list, names: ownerNames},
	"add_repository":      {answer: list, names: ownerNames},

	"list_registries": {answer: list, names: registryNames},
	"create_registry": {answer: list, names: registryNames},
	"get_registry":    {answer: list, names: registryNames},
	"update_registry": {answer: list, names: registryNames},

	"list_events":      {names: eventNames},
	"get_event":        {names: eventNames},
	"list_event_types": {answer: eventTypes},

	"query_images_by_package":       {long: found},
	"query_images_by_vulnerability": {long: found},

	"get_service_detail":            {names: serviceNames},
	"list_services":                 {answer: list, names: serviceNames},
	"get_services_by_name":          {answer: list, names: serviceNames},
	"get_services_by_name_and_host": {answer: list, names: serviceNames},
	"get_system_feeds":              {answer: list},
	"post_system_feeds":             {answer: func(*call, any) (any, bool) { return []any{}, true }}, // nothing has been fetched yet
	"describe_policy":               {answer: list, names: specNames},
	"describe_error_codes":          {answer: list},

	"list_accounts":          {answer: list},
	"list_users":             {answer: list},
	"list_user_credentials":  {answer: list},
	"get_credentials":        {answer: list},
	"create_user_credential": {before: userOf("get_account_user"), answer: userThen},
	"add_credential":         {before: userOf("get_user"), answer: userThen},
	"delete_account":         {empty: true},
	"delete_user":            {empty: true},
	"delete_user_credential": {empty: true},
	"get_oauth_token":        {names: tokenNames},
}

// data are keys below which the keys are not ours.
var data = []string{"annotations", "metadata", "detail", "details", "service_detail", "policy", "policybundle"}

// rename renames keys, wherever they stand.
func rename(v any, names map[string]string) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			rename(x, names)
		}
	case map[string]any:
		for key := range maps.Clone(v) {
			x := v[key]
			if !slices.Contains(data, key) {
				rename(x, names)
			}
			if renamed, ok := names[key]; ok {
				delete(v, key)
				v[renamed] = x
			}
		}
	}
}

// list has lists of one where version 2 has the one, and bare lists.
func list(_ *call, v any) (any, bool) {
	m, ok := v.(map[string]any)
	if !ok {
		return v, true
	}
	if items, ok := m["items"]; ok {
		return items, true
	}
	return []any{v}, true
}

// userOf is the user that something is added to. He is asked for before: with another
// password than the request's, it may be.
func userOf(operation string) func(*call) (any, bool) {
	return func(c *call) (any, bool) {
		var user map[string]any
		ok := c.get(operation, c.path, nil, &user)
		return user, ok
	}
}

// userThen answers with the user instead of what was added to him.
func userThen(c *call, added any) (any, bool) {
	user, _ := c.before.(map[string]any)
	if at := text(added, "created_at"); at != "" {
		user["last_updated"] = at
	}
	return user, true
}

// text is a property that is a string, or "".
func text(v any, key string) string {
	m, _ := v.(map[string]any)
	s, _ := m[key].(string)
	return s
}

// each are the objects of a property that is a list.
func each(v any, key string) []map[string]any {
	m, _ := v.(map[string]any)
	items, _ := m[key].([]any)
	var all []map[string]any
	for _, item := range items {
		if o, ok := item.(map[string]any); ok {
			all = append(all, o)
		}
	}
	return all
}
