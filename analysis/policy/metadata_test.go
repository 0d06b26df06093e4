package policy_test

import "testing"

func TestMetadata(t *testing.T) {
	image := fixture{distro: object{"id": "rocky", "versionID": "9.10", "idLike": []string{"rhel", "fedora"}}}
	message := func(attribute, check, value, image string) []string {
		return []string{"Attribute check for attribute: '" + attribute + "' check: '" + check + "' check_value: '" + value + "' matched image value: '" + image + "'"}
	}
	params := func(attribute, check, value string) []string {
		return []string{"attribute", attribute, "check", check, "value", value}
	}
	tests := []struct {
		attribute, check, value, seen string // seen is empty where the rule does not fire
	}{
		{"size", ">", "2MB", "3145728"},
		{"size", ">", "3 mb", ""},
		{"size", "=", "3145728", "3145728"},
		{"size", "<", "1GB", "3145728"},
		{"layer_count", ">=", "2", "2"},
		{"layer_count", "!=", "2", ""},
		{"architecture", "=", "amd64", "amd64"},
		{"architecture", "not_in", "arm64, s390x", "amd64"},
		{"architecture", "in", "arm64, amd64", "amd64"},
		{"os_type", "!=", "linux", ""},
		{"distro", "like", "rock", "rocky"},
		{"distro", "like", "ocky", ""},
		{"distro", "not_like", "debian", "rocky"},
		{"distro_version", ">", "9.9", "9.10"},
		{"distro_version", "<", "10", "9.10"},
		{"like_distro", "=", "fedora", "rhel,fedora"},
		{"like_distro", "!=", "fedora", ""},
		{"like_distro", "in", "debian,rhel", "rhel,fedora"},
		{"distro", "exists", "", "rocky"},
		{"distro", "not_exists", "", ""},
	}
	var examples []example
	for _, x := range tests {
		var fires []string
		if x.seen != "" {
			fires = message(x.attribute, x.check, x.value, x.seen)
		}
		examples = append(examples, example{
			name: x.attribute + " " + x.check + " " + x.value, trigger: "metadata/attribute",
			image: image, params: params(x.attribute, x.check, x.value), fires: fires,
		})
	}
	run(t, append(examples, []example{
		{name: "no distribution", trigger: "metadata/attribute", params: params("distro", "not_exists", ""), fires: message("distro", "not_exists", "", "None")},
		{name: "no value", trigger: "metadata/attribute", params: params("size", ">", " "), invalid: []string{"parameter value is missing, which check > needs"}},
		{name: "no size", trigger: "metadata/attribute", params: params("size", ">", "big"), invalid: []string{`parameter value: "big" is not a whole number`}},
		{name: "no unit", trigger: "metadata/attribute", params: params("size", ">", "1 parsec"), invalid: []string{`parameter value: "1 parsec" has a unit that is none of: KB, MB, GB`}},
		{name: "a unit of layers", trigger: "metadata/attribute", params: params("layer_count", ">", "1KB"), invalid: []string{`parameter value: "1KB" has a unit that is none of: KB, MB, GB`}},
		{name: "too much", trigger: "metadata/attribute", params: params("size", ">", "999999999999999GB"), invalid: []string{`parameter value: "999999999999999GB" is too large`}},
		{
			name: "no such attribute", trigger: "metadata/attribute", params: params("colour", "~", "red"),
			invalid: []string{
				`parameter attribute: "colour" is none of: size, architecture, os_type, distro, distro_version, like_distro, layer_count`,
				`parameter check: "~" is none of: =, !=, >, <, >=, <=, exists, not_exists, like, not_like, in, not_in`,
			},
		},
	}...))
}
