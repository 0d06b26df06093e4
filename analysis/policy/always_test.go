package policy_test

import "testing"

func TestAlways(t *testing.T) {
	run(t, []example{
		{
			name: "fires on anything", trigger: "always/always",
			fires: []string{"Unconditional trigger match, for testing purposes"}, ids: []string{"always"},
		},
		{
			name: "names are read whatever their case", trigger: "ALWAYS/Always",
			fires: []string{"Unconditional trigger match, for testing purposes"}, ids: []string{"always"},
		},
		{
			name: "takes no parameter", trigger: "always/always", params: []string{"when", "now"},
			invalid: []string{`parameter "when" is unknown; there are: none`},
		},
	})
}

func TestMalware(t *testing.T) {
	run(t, []example{
		{
			name: "an image that was not scanned", trigger: "malware/scan_not_run",
			fires: []string{"No malware scans found for image"},
		},
		{
			name: "no scan is not no finding", trigger: "malware/scans",
			lacks: []string{"the image was not scanned for malware"},
		},
	})
}

func TestRetired(t *testing.T) {
	run(t, []example{
		{name: "gate", trigger: "anchoresec/vulnhigh", params: []string{"any", "thing"}, retired: true},
		{name: "trigger", trigger: "npms/newer_version_in_feed", retired: true},
		{name: "gate in capitals", trigger: "DOCKERFILECHECK/NOFROM", retired: true},
		{
			name: "unknown gate", trigger: "always-not/always",
			invalid: []string{`gate "always-not" is unknown; there are: always, dockerfile, files, licenses, malware, metadata, npms, packages, passwd_file, retrieved_files, ruby_gems, secret_scans, vulnerabilities`},
		},
		{
			name: "unknown trigger", trigger: "ruby_gems/whitelist",
			invalid: []string{`trigger "whitelist" is unknown; ruby_gems has: newer_version_found_in_feed, not_found_in_feed, version_not_found_in_feed, feed_data_unavailable, denylist`},
		},
	})
}
