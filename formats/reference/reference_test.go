package reference_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
)

var digest = "sha256:" + strings.Repeat("0a", 32)

func TestParse(t *testing.T) {
	for text, want := range map[string]reference.Reference{
		"alpine":                      {Registry: "docker.io", Repository: "alpine", Tag: "latest"},
		"library/alpine:3.22":         {Registry: "docker.io", Repository: "library/alpine", Tag: "3.22"},
		"index.docker.io/alpine":      {Registry: "docker.io", Repository: "alpine", Tag: "latest"},
		"localhost/a/b:c":             {Registry: "localhost", Repository: "a/b", Tag: "c"},
		"localhost:5000/a":            {Registry: "localhost:5000", Repository: "a", Tag: "latest"},
		"127.0.0.1:5000/a__b-c.d:v":   {Registry: "127.0.0.1:5000", Repository: "a__b-c.d", Tag: "v"},
		"[::1]:5000/a:v":              {Registry: "[::1]:5000", Repository: "a", Tag: "v"},
		"r.example.com/a@" + digest:   {Registry: "r.example.com", Repository: "a", Digest: digest},
		"r.example.com/a:b@" + digest: {Registry: "r.example.com", Repository: "a", Tag: "b", Digest: digest},
		"localbuild/demo:latest":      {Registry: "localbuild", Repository: "demo", Tag: "latest"},
		"r.example.com/a@sha256:" + strings.Repeat("0A", 32): {Registry: "r.example.com", Repository: "a", Digest: digest},
		"MyImage": {Registry: "docker.io", Repository: "MyImage", Tag: "latest"},
	} {
		got, err := reference.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
		again, err := reference.Parse(got.String())
		if err != nil || again != got {
			t.Errorf("%s reads back as %+v, %v", got, again, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"", ":", "a:", "a b", "a//b", "/a", "a/", "../a", "a@sha256:12", "a@" + strings.ToUpper(digest), "a@sha256:" + strings.Repeat("0G", 32),
		"a:" + strings.Repeat("t", 129), "\x1b[31ma", "http://a/b", "a\n", "r.example.com:port/a", strings.Repeat("a", 2000), strings.Repeat("a", 1010),
	} {
		if r, err := reference.Parse(text); fault.Of(err) != fault.Invalid {
			t.Errorf("%q is read as %+v, %v", text, r, err)
		}
	}
}

func TestCheckRefusesCapitals(t *testing.T) {
	for text, hint := range map[string]string{
		"S/Up:9":                       "write it as docker.io/s/up:9",
		"r.example.com/Up:V@" + digest: "write it as r.example.com/up:V@" + digest,
		"R.example.com/a:V":            "",
	} {
		r, err := reference.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		err = r.Check()
		if (err != nil) != (hint != "") || err != nil && (fault.Of(err) != fault.Invalid || fault.Hint(err) != hint) {
			t.Errorf("%s: %v; hint %q", text, err, fault.Hint(err))
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("localhost:5000/a/b:c@" + digest)
	f.Add(strings.Repeat("a", 1010)) // longer than may be, once it is whole
	f.Fuzz(func(t *testing.T, s string) {
		r, err := reference.Parse(s)
		if err != nil {
			return
		}
		if again, err := reference.Parse(r.String()); err != nil || again != r {
			t.Errorf("%q is %+v, which reads back as %+v, %v", s, r, again, err)
		}
	})
}
