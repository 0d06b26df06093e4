package policy

import (
	"path"
	"slices"
	"strings"
)

var verifyTrigger = Trigger{
	Name:        "verify",
	Description: "Fires for each file that a package database (dpkg, rpm, apk) lists and that is missing or changed. Configuration files may change. Content is compared where the database has a sha256, as rpm's has; dpkg's md5 and apk's sha1 are not compared.",
	Parameters: []Parameter{
		{Name: "only_packages", Kind: List, Description: "Only files of these packages.", Example: "libssl,openssl"},
		{Name: "only_directories", Kind: List, Description: "Only files below these folders.", Example: "/usr,/var/lib"},
		{Name: "check", Kind: Choice, Choices: []string{"changed", "missing"}, Description: "Only this of the two checks.", Example: "changed"},
	},
	build: ask(verify),
}

func verify(v values, s *scene, out *outcome) {
	if s.absent(Packages, out) || s.absent(Files, out) {
		return
	}
	uncompared := map[string]bool{}
	for _, p := range s.Evidence.packages {
		if v.has("only_packages") && !slices.Contains(v.list("only_packages"), p.name) {
			continue
		}
		for _, r := range p.records {
			if !below(r.path, v.list("only_directories")) {
				continue
			}
			status := s.verify(r, uncompared)
			if status != "" && (!v.has("check") || status == v.text("check")) {
				out.firef("VERIFY check against package db for package '%s' failed on entry '%s' with status: '%s'", p.name, r.path, status)
			}
		}
	}
	if v.text("check") == "missing" {
		return
	}
	for _, algorithm := range sortedKeys(uncompared) {
		out.missf("package databases give %s digests, which cannot be compared with the files' sha256; changed content is not seen there", algorithm)
	}
}

// below tells whether the path lies in one of the folders; all do where none is
// given.
func below(name string, folders []string) bool {
	for _, f := range folders {
		f = strings.TrimSuffix(f, "/")
		if name == f || strings.HasPrefix(name, f+"/") {
			return true
		}
	}
	return len(folders) == 0
}

// verify is what is wrong with a file: "missing", "changed" or "".
func (s *scene) verify(r record, uncompared map[string]bool) string {
	f, ok := s.Evidence.resolve(r.path)
	if !ok {
		if r.optional || r.config {
			return ""
		}
		return "missing"
	}
	if r.config || !f.known {
		return ""
	}
	isFile := f.mode&typeBits == regular
	if isFile && r.algorithm != "" && f.hashed {
		if r.algorithm != "sha256" {
			uncompared[r.algorithm] = true
		} else if !strings.EqualFold(r.digest, f.sha256()) {
			return "changed"
		}
	}
	if r.moded && (isFile || f.mode&typeBits == directory) && f.mode&^typeBits != r.mode {
		return "changed"
	}
	return ""
}

// resolve is the file of that path, following links of the folders on the way,
// as in /bin/sh where /bin leads to usr/bin. A link at the end is not followed.
func (e *Evidence) resolve(name string) (file, bool) {
	const mostLinks = 40
	for range mostLinks {
		if f, ok := e.file(name); ok {
			return f, true
		}
		next, ok := e.followFolder(name)
		if !ok {
			return file{}, false
		}
		name = next
	}
	return file{}, false
}

// followFolder replaces the first folder of the path that is a link.
func (e *Evidence) followFolder(name string) (string, bool) {
	for i := 1; i < len(name); i++ {
		if name[i] != '/' {
			continue
		}
		to, ok := e.links[name[:i]]
		if !ok {
			continue
		}
		if !path.IsAbs(to) {
			to = path.Join(path.Dir(name[:i]), to)
		}
		return path.Join(to, name[i:]), true
	}
	return "", false
}
