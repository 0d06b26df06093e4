package importserver_test

import (
	"strings"
	"testing"

	"github.com/tidepole/tidepole/formats/reference"
	"github.com/tidepole/tidepole/importserver"
)

// A login that can be stored goes to no registry but the one that it names.
func FuzzLoginsStayWithTheirRegistry(f *testing.F) {
	for name, image := range map[string]string{
		"r.io": "r.io/a:1", "r.io*": "r.io.evil.example/a:1", "r.io:50*": "r.io:5000/a:1", "r.io/*": "r.io/a/b:1", "index.docker.io/library/*": "alpine",
		"[::1]:5000": "[::1]:5000/a", "R.IO/te*": "r.io/team/x", "https://r.io": "r.io/x", "r.io/a/": "r.io/a", "": "x", "*": "r.io/x",
	} {
		f.Add(name, image)
	}
	f.Fuzz(func(t *testing.T, name, image string) {
		r, err := reference.Parse(image)
		if err != nil {
			return
		}
		stored, used := importserver.Fits(name, r)
		if !stored || !used {
			return
		}
		host, path, below := strings.Cut(name, "/")
		if !below {
			host = strings.TrimSuffix(host, "*")
		}
		if !strings.EqualFold(host, r.Registry) && r.Registry != "docker.io" {
			t.Errorf("the login for %q goes to %q", name, r.Registry)
		}
		if below && !strings.HasPrefix(r.Repository, strings.TrimSuffix(strings.TrimSuffix(path, "*"), "/")) {
			t.Errorf("the login for %q goes to %q", name, r.Repository)
		}
	})
}
