package policy_test

import (
	"testing"

	"github.com/tidepole/tidepole/formats/bundle"
)

func TestRetrievedFiles(t *testing.T) {
	image := fixture{
		retrieved: map[string]string{"/etc/sshd_config": "# PermitRootLogin yes\r\nPort 22\n"},
		allFiles:  true,
		files:     []object{fileOf("/etc/sshd_config", 0, bundle.TypeRegular, 644, sumA), fileOf("/etc/shadow", 0, bundle.TypeRegular, 600, sumA)},
	}
	none := fixture{without: []bundle.Kind{bundle.FileContents}}
	regex := func(path, regex, check string) []string {
		return []string{"path", path, "regex", regex, "check", check}
	}
	run(t, []example{
		{name: "retrieved", trigger: "retrieved_files/content_not_available", image: image, params: []string{"path", "/etc/sshd_config"}},
		{
			name: "not retrieved", trigger: "retrieved_files/content_not_available", image: none, params: []string{"path", "/etc/sshd_config"},
			fires: []string{"Cannot locate file in the image analysis: /etc/sshd_config"},
		},
		{
			name: "a line matches", trigger: "retrieved_files/content_regex", image: image, params: regex("/etc/sshd_config", `Port 22$`, "match"),
			fires: []string{"Content regex 'Port 22$' check 'match' found in retrieved file '/etc/sshd_config'"}, ids: []string{"r1+file:///etc/sshd_config"},
		},
		{name: "lines match from their start", trigger: "retrieved_files/content_regex", image: image, params: regex("/etc/sshd_config", "PermitRootLogin", "match")},
		{
			name: "no line matches", trigger: "retrieved_files/content_regex", image: image, params: regex("/etc/sshd_config", "PermitRootLogin no", "no_match"),
			fires: []string{"Content regex 'PermitRootLogin no' check 'no_match' found in retrieved file '/etc/sshd_config'"},
		},
		{name: "a file that the image has not", trigger: "retrieved_files/content_regex", image: image, params: regex("/etc/none", ".", "no_match")},
		{
			name: "a file that the image has, not retrieved", trigger: "retrieved_files/content_regex", image: image, params: regex("/etc/shadow", ".", "match"),
			lacks: []string{`"/etc/shadow" was not retrieved by the analysis`},
		},
		{name: "nothing retrieved", trigger: "retrieved_files/content_regex", image: none, params: regex("/etc/none", ".", "match"), lacks: []string{"the evidence has no retrieved files"}},
		{
			name: "nothing given", trigger: "retrieved_files/content_regex",
			invalid: []string{"parameter path is missing", "parameter regex is missing", "parameter check is missing"},
		},
	})
}

func TestPasswdFile(t *testing.T) {
	const root, app, hashed = "root:x:0:0:root:/root:/bin/bash", "app:x:1000:20:App:/home/app:/sbin/nologin", "old:$1$ab$cdefgh:7:7::/:/bin/false"
	image := fixture{retrieved: map[string]string{"/etc/passwd": root + "\n" + app + "\n# note\nshort\n" + hashed + "\n"}}
	none := fixture{without: []bundle.Kind{bundle.FileContents}}
	run(t, []example{
		{name: "there", trigger: "passwd_file/content_not_available", image: image},
		{
			name: "not there", trigger: "passwd_file/content_not_available", image: none,
			fires: []string{"Cannot locate /etc/passwd in image stored files archive: check analyzer settings."},
		},
		{
			name: "user names", trigger: "passwd_file/denylist_usernames", image: image, params: []string{"user_names", "daemon, app"},
			fires: []string{"Denylisted user 'app' found in image's /etc/passwd: pentry=" + app},
		},
		{
			name: "user ids", trigger: "passwd_file/blacklist_userids", image: image, params: []string{"user_ids", "0,1"},
			fires: []string{"Denylisted uid '0' found in image's /etc/passwd: pentry=" + root},
		},
		{
			name: "group ids", trigger: "passwd_file/denylist_groupids", image: image, params: []string{"group_ids", "20"},
			fires: []string{"Denylisted gid '20' found in image's /etc/passwd: pentry=" + app},
		},
		{
			name: "shells", trigger: "passwd_file/blacklist_shells", image: image, params: []string{"shells", "/bin/bash,/bin/sh"},
			fires: []string{"Denylisted shell '/bin/bash' found in image's /etc/passwd: pentry=" + root},
		},
		{
			name: "a password is not shown", trigger: "passwd_file/denylist_userids", image: image, params: []string{"user_ids", "7"},
			fires: []string{"Denylisted uid '7' found in image's /etc/passwd: pentry=old:********:7:7::/:/bin/false"},
		},
		{
			name: "whole entry", trigger: "passwd_file/denylist_full_entry", image: image, params: []string{"entry", root},
			fires: []string{"Denylisted pentry '" + root + "' found in image's /etc/passwd: pentry=" + root},
		},
		{name: "not retrieved is not clean", trigger: "passwd_file/denylist_usernames", image: none, params: []string{"user_names", "app"}, lacks: []string{"the evidence has no retrieved files"}},
		{name: "an image without the file", trigger: "passwd_file/denylist_usernames", image: fixture{allFiles: true}, params: []string{"user_names", "app"}},
		{
			name: "no number", trigger: "passwd_file/denylist_userids", params: []string{"user_ids", "1,root"},
			invalid: []string{`parameter user_ids: "1,root" has "root", which is not a whole number from 0 to 2147483647`},
		},
	})
}
