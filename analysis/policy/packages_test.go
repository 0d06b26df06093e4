package policy_test

import (
	"testing"

	"github.com/tidepole/tidepole/formats/bundle"
)

func packageOf(kind, name, version string, licenses ...string) object {
	list := []object{}
	for _, l := range licenses {
		list = append(list, object{"value": l})
	}
	return object{
		"id": kind + "-" + name, "name": name, "version": version, "type": kind, "licenses": list,
		"locations": []object{{"path": "/lib/" + name}},
	}
}

func with(p object, metadata object) object {
	p["metadata"] = metadata
	return p
}

func TestPackages(t *testing.T) {
	image := fixture{packages: []object{
		packageOf("deb", "openssl", "3.0.9-1"), packageOf("npm", "lodash", "4.17.20"), packageOf("npm", "lodash", "4.17.21"),
		packageOf("gem", "rack", "2.2.3"), packageOf("rpm", "bash", "0:5.1.8-6.el9"), packageOf("java-archive", "rack", "1"),
	}}
	none := fixture{without: []bundle.Kind{bundle.Packages}}
	run(t, []example{
		{name: "required and there", trigger: "packages/required_package", image: image, params: []string{"name", "openssl"}},
		{
			name: "required and not there", trigger: "packages/required_package", image: image, params: []string{"name", "openss"},
			fires: []string{"Required input package (openss) is not present in container image"},
		},
		{
			name: "required in a version and not there", trigger: "packages/required_package", image: image, params: []string{"name", "curl", "version", "8"},
			fires: []string{"Required input package (curl,8) is not present in container image"},
		},
		{name: "one of several has the version", trigger: "packages/required_package", image: image, params: []string{"name", "lodash", "version", "4.17.21"}},
		{
			name: "none has the version", trigger: "packages/required_package", image: image, params: []string{"name", "lodash", "version", "4.17.22"},
			fires: []string{"Required input package (lodash) is present (4.17.20), but not at the version specified in policy (4.17.22)"},
		},
		{name: "new enough for dpkg", trigger: "packages/required_package", image: image, params: []string{"name", "openssl", "version", "3.0.9-1~deb12u1", "version_match_type", "minimum"}},
		{
			name: "too old for dpkg", trigger: "packages/required_package", image: image, params: []string{"name", "openssl", "version", "3.0.10", "version_match_type", "minimum"},
			fires: []string{"Required min-version input package (openssl) is present (3.0.9-1), but is lower version than what is specified in policy (3.0.10)"},
		},
		{name: "new enough for rpm", trigger: "packages/required_package", image: image, params: []string{"name", "bash", "version", "5.1.8", "version_match_type", "minimum"}},
		{
			name: "versions that cannot be compared", trigger: "packages/required_package", image: image, params: []string{"name", "lodash", "version", "new", "version_match_type", "minimum"},
			lacks: []string{`"lodash" is present in version "4.17.20", which cannot be compared with "new": read version "new": invalid semantic version`},
		},
		{
			name: "packages not known", trigger: "packages/required_package", image: none, params: []string{"name", "openssl"},
			lacks: []string{"the evidence has no packages"},
		},
		{
			name: "denied", trigger: "packages/denylist", image: image, params: []string{"name", "lodash"},
			fires: []string{"Package is denylisted: lodash"},
		},
		{
			name: "denied by the older name of the trigger", trigger: "packages/blacklist", image: image, params: []string{"name", "lodash", "version", "4.17.20"},
			fires: []string{"Package is denylisted: lodash-4.17.20"},
		},
		{name: "another version is denied", trigger: "packages/denylist", image: image, params: []string{"name", "lodash", "version", "3"}},
		{name: "denied, not known", trigger: "packages/denylist", image: none, params: []string{"name", "x"}, lacks: []string{"the evidence has no packages"}},
		{name: "nothing named", trigger: "packages/denylist", params: []string{"version", "3"}, invalid: []string{"parameter name is missing"}},
		{
			name: "the same twice", trigger: "packages/denylist", params: []string{"name", "a", "NAME", "b"},
			invalid: []string{"parameter name is given twice"},
		},
		{name: "npm denies npm's", trigger: "npms/blacklisted_name_version", image: image, params: []string{"name", "lodash"}, fires: []string{"NPM is denylisted: lodash"}},
		{name: "npm passes over gems", trigger: "npms/denylisted_name_version", image: image, params: []string{"name", "rack"}},
		{name: "gems deny gems", trigger: "ruby_gems/blacklist", image: image, params: []string{"name", "rack", "version", "2.2.3"}, fires: []string{"GEM is denylisted: rack-2.2.3"}},
	})
}

func TestVerify(t *testing.T) {
	dpkg := func(path, digest string, config bool) object {
		return object{"path": path, "digest": object{"algorithm": "md5", "value": digest}, "isConfigFile": config}
	}
	rpm := func(path, digest, flags string, mode int) object {
		return object{"path": path, "digest": object{"algorithm": "sha256", "value": digest}, "flags": flags, "mode": mode}
	}
	image := fixture{
		allFiles: true,
		files: []object{
			linkOf("/bin", "usr/bin"), fileOf("/usr/bin/sh", 0, bundle.TypeRegular, 755, sumA), fileOf("/etc/conf", 0, bundle.TypeRegular, 600, sumB),
			fileOf("/usr/bin/bash", 0, bundle.TypeRegular, 755, sumA), fileOf("/usr/bin/ls", 0, bundle.TypeRegular, 777, sumA),
			fileOf("/lib/apk/x", 0, bundle.TypeRegular, 600, sumA), linkOf("/loop", "/loop"),
		},
		packages: []object{
			with(packageOf("deb", "dash", "1"), object{"files": []object{dpkg("/bin/sh", "0", false), dpkg("/usr/share/doc/dash", "0", false), dpkg("/etc/conf", "0", true), dpkg("/loop/x", "0", false)}}),
			with(packageOf("rpm", "bash", "1"), object{"files": []object{rpm("/usr/bin/bash", sumB, "", 0o100755), rpm("/usr/bin/ls", sumA, "", 0o100755), rpm("/run/lock", "", "g", 0o40755), rpm("/etc/conf", sumA, "c", 0o100644)}}),
			with(packageOf("apk", "x", "1"), object{"files": []object{{"path": "/lib/apk/x", "permissions": "644"}}}),
		},
	}
	fired := func(name, path, status string) string {
		return "VERIFY check against package db for package '" + name + "' failed on entry '" + path + "' with status: '" + status + "'"
	}
	const md5 = "package databases give md5 digests, which cannot be compared with the files' sha256; changed content is not seen there"
	run(t, []example{
		{
			name: "everything", trigger: "packages/verify", image: image,
			fires: []string{
				fired("dash", "/usr/share/doc/dash", "missing"), fired("dash", "/loop/x", "missing"),
				fired("bash", "/usr/bin/bash", "changed"), fired("bash", "/usr/bin/ls", "changed"), fired("x", "/lib/apk/x", "changed"),
			},
			lacks: []string{md5},
		},
		{
			name: "what is missing", trigger: "packages/verify", image: image, params: []string{"check", "missing", "only_directories", "/usr/,/etc"},
			fires: []string{fired("dash", "/usr/share/doc/dash", "missing")},
		},
		{
			name: "what changed in one package", trigger: "packages/verify", image: image, params: []string{"check", "changed", "only_packages", "bash, zsh"},
			fires: []string{fired("bash", "/usr/bin/bash", "changed"), fired("bash", "/usr/bin/ls", "changed")},
		},
		{
			name: "files not known", trigger: "packages/verify", image: fixture{packages: image.packages},
			lacks: []string{"the evidence is an SBOM that does not list every file of the image"},
		},
		{
			name: "no such check", trigger: "packages/verify", params: []string{"check", "all", "only_packages", ","},
			invalid: []string{`parameter check: "all" is none of: changed, missing`, `parameter only_packages: "," has nothing between its commas`},
		},
	})
}

func TestLicenses(t *testing.T) {
	image := fixture{packages: []object{
		packageOf("deb", "bash", "5", "GPL-3.0-or-later"), packageOf("npm", "x", "1", "(MIT OR GPL-2.0-only) AND BSD-3-Clause"),
		packageOf("python", "y", "1", "Apache License 2.0"), packageOf("gem", "z", "1"),
	}}
	run(t, []example{
		{
			name: "exact", trigger: "licenses/denylist_exact_match", image: image, params: []string{"licenses", "GPL-2.0-only, Apache License 2.0, GPL"},
			fires: []string{"LICFULLMATCH Packages are installed that have denylisted licenses: x(GPL-2.0-only)", "LICFULLMATCH Packages are installed that have denylisted licenses: y(Apache License 2.0)"},
		},
		{
			name: "partial", trigger: "licenses/blacklist_partial_match", image: image, params: []string{"licenses", "GPL-3"},
			fires: []string{"LICSUBMATCH Packages are installed that have denylisted licenses: bash(GPL-3.0-or-later)"},
		},
		{name: "operators are no licences", trigger: "licenses/denylist_exact_match", image: image, params: []string{"licenses", "AND,OR"}},
		{
			name: "packages not known", trigger: "licenses/denylist_exact_match", image: fixture{without: []bundle.Kind{bundle.Packages}}, params: []string{"licenses", "MIT"},
			lacks: []string{"the evidence has no packages"},
		},
		{name: "none named", trigger: "licenses/denylist_exact_match", invalid: []string{"parameter licenses is missing"}},
	})
}
