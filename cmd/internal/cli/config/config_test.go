package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/formats/fault"
)

// lookup is an environment.
func lookup(vars map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
}

// settings are flags of every kind.
func settings() *pflag.FlagSet {
	fs := pflag.NewFlagSet("", pflag.ContinueOnError)
	fs.String("url", "http://default", "")
	fs.Bool("wait", false, "")
	fs.Duration("timeout", time.Minute, "")
	fs.StringArray("annotation", nil, "")
	fs.String("password", "", "")
	config.Key(fs, "url", "url")
	config.Key(fs, "wait", "image.wait", "TIDEPOLE_WAIT")
	config.Key(fs, "timeout", "image.timeout")
	config.Key(fs, "annotation", "image.annotation")
	config.Key(fs, "password", "password")
	config.Secret(fs, "password")
	return fs
}

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "tidepole.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestPrecedence(t *testing.T) {
	all := "url: http://file\nimage:\n  Wait: true\n  timeout: 5m\n  annotation: {Owner: me, b: 2}\n"
	tests := map[string]struct {
		args       []string
		env        map[string]string
		file       string
		key        string
		want, from string
	}{
		"default":            {nil, nil, "", "url", "http://default", "default"},
		"file":               {nil, nil, all, "url", "http://file", "file PATH"},
		"environment":        {nil, map[string]string{"TIDEPOLE_URL": "http://env"}, all, "url", "http://env", "environment TIDEPOLE_URL"},
		"empty environment":  {nil, map[string]string{"TIDEPOLE_URL": ""}, all, "url", "http://file", "file PATH"},
		"flag":               {[]string{"--url", "http://flag"}, map[string]string{"TIDEPOLE_URL": "http://env"}, all, "url", "http://flag", "flag --url"},
		"a flag's default":   {[]string{"--url", "http://default"}, map[string]string{"TIDEPOLE_URL": "http://env"}, all, "url", "http://default", "flag --url"},
		"below another":      {nil, nil, all, "image.timeout", "5m0s", "file PATH"},
		"any case":           {nil, nil, all, "image.wait", "true", "file PATH"},
		"second name":        {nil, map[string]string{"TIDEPOLE_WAIT": "true"}, "", "image.wait", "true", "environment TIDEPOLE_WAIT"},
		"first name":         {nil, map[string]string{"TIDEPOLE_IMAGE_WAIT": "false", "TIDEPOLE_WAIT": "true"}, all, "image.wait", "false", "environment TIDEPOLE_IMAGE_WAIT"},
		"table":              {nil, nil, all, "image.annotation", "Owner=me,b=2", "file PATH"},
		"list":               {nil, nil, "image:\n  annotation: [a=1, b=2]\n", "image.annotation", "a=1,b=2", "file PATH"},
		"list in a variable": {nil, map[string]string{"TIDEPOLE_IMAGE_ANNOTATION": "a=1, b=2"}, all, "image.annotation", "a=1,b=2", "environment TIDEPOLE_IMAGE_ANNOTATION"},
		"no value":           {nil, nil, "url:\n", "url", "http://default", "default"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := file(t, test.file)
			c, err := config.Load(lookup(test.env), path)
			if err != nil {
				t.Fatal(err)
			}
			fs := settings()
			if err := fs.Parse(test.args); err != nil {
				t.Fatal(err)
			}
			if err := c.Fill(fs); err != nil {
				t.Fatal(err)
			}
			value, origin := resolve(t, c, fs, test.key)
			if value != test.want || strings.ReplaceAll(origin, path, "PATH") != test.from {
				t.Errorf("%s is %q from %s; want %q from %s", test.key, value, origin, test.want, test.from)
			}
		})
	}
}

func resolve(t *testing.T, c *config.Config, fs *pflag.FlagSet, key string) (value, origin string) {
	t.Helper()
	fs.VisitAll(func(f *pflag.Flag) {
		v, err := c.Resolve(f)
		if err != nil {
			t.Fatal(err)
		}
		if v.Key == key {
			value, origin = v.Value, v.Origin
		}
	})
	return value, origin
}

func TestBadFiles(t *testing.T) {
	known := []string{"url", "image.wait", "image.timeout", "patterns"}
	tests := map[string]struct{ text, message, hint string }{
		"unknown key":             {"urll: x\n", `unknown key "urll"`, `did you mean "url"?`},
		"unknown key below":       {"image:\n  weit: true\n", `unknown key "image.weit"`, `did you mean "image.wait"?`},
		"key in the wrong place":  {"wait: true\n", `unknown key "wait"`, `did you mean "image.wait"?`},
		"text where a table is":   {"image: x\n", `unknown key "image"`, ""},
		"nothing like it":         {"zzzzzzzzzz: 1\n", `unknown key "zzzzzzzzzz"`, "docs/configuration.md"},
		"anything below patterns": {"patterns:\n  Name: x\n", "", ""},
		"no YAML":                 {"a: [\n", "read configuration", "YAML"},
		"a list":                  {"- a\n", "read configuration", "YAML"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := file(t, test.text)
			c, err := config.Load(lookup(nil), path)
			if err == nil {
				err = c.Check(known)
			}
			if test.message == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.message) || !strings.Contains(err.Error(), path) {
				t.Errorf("the error is %v, not %s", err, test.message)
			}
			if hint := fault.Hint(err); !strings.Contains(hint, test.hint) {
				t.Errorf("the hint is %q, not %q", hint, test.hint)
			}
		})
	}
}

func TestBadValues(t *testing.T) {
	tests := map[string]struct {
		env        map[string]string
		text, want string
	}{
		"in the file":          {nil, "image:\n  wait: perhaps\n", `"perhaps" cannot be image.wait`},
		"in the environment":   {map[string]string{"TIDEPOLE_IMAGE_TIMEOUT": "soon"}, "", `environment TIDEPOLE_IMAGE_TIMEOUT: "soon" cannot be image.timeout`},
		"a list for one value": {nil, "url: [a, b]\n", "takes one value"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := config.Load(lookup(test.env), file(t, test.text))
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Fill(settings()); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %v, not %s", err, test.want)
			}
		})
	}
}

func TestSearchOrder(t *testing.T) {
	home, work := t.TempDir(), t.TempDir()
	t.Chdir(work)
	env := map[string]string{"HOME": home}
	put := func(path, url string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("url: "+url+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	explicit, named := filepath.Join(t.TempDir(), "c.yaml"), filepath.Join(t.TempDir(), "n.yaml")
	// From the last looked at to the first: each hides the ones before.
	for _, step := range []struct{ path, env, explicit string }{
		{filepath.Join(home, ".config", "tidepole", "config.yaml"), "", ""},
		{filepath.Join(home, ".tidepole.yaml"), "", ""},
		{"tidepole.yaml", "", ""},
		{".tidepole.yaml", "", ""},
		{named, named, ""},
		{explicit, named, explicit},
	} {
		put(step.path, step.path)
		env["TIDEPOLE_CONFIG"] = step.env
		c, err := config.Load(lookup(env), step.explicit)
		if err != nil {
			t.Fatal(err)
		}
		if c.Path != step.path {
			t.Errorf("read %s, want %s", c.Path, step.path)
		}
	}
	if _, err := config.Load(lookup(env), filepath.Join(work, "none.yaml")); fault.Of(err) != fault.NotFound {
		t.Errorf("a file that is named and not there: %v", err)
	}
}

func TestMapKeepsTheCaseOfNames(t *testing.T) {
	c, err := config.Load(lookup(nil), file(t, "secret-search:\n  additional-patterns:\n    My.Ticket: 'T-\\d+'\n"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Map("secret-search.additional-patterns")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"My.Ticket": `T-\d+`}, got); diff != "" {
		t.Errorf("patterns (-want +got):\n%s", diff)
	}
}
