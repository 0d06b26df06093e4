package cli_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidepole/tidepole/cmd/internal/cli"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
)

func TestBadCommandLines(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	text := write(t, "this is nothing that tidepole reads\n")
	tests := map[string]struct {
		args []string
		want []string
	}{
		"unknown command":          {[]string{"imag"}, []string{`error: unknown command "imag"`, "hint: "}},
		"unknown verb":             {[]string{"image", "lst"}, []string{`unknown command "lst" for "tidepole image"`, "did you mean ", "tidepole image list"}},
		"unknown flag":             {[]string{"image", "list", "--colour"}, []string{"--colour", "hint: see tidepole image list --help"}},
		"no argument":              {[]string{"image", "add"}, []string{"hint: usage: tidepole image add IMAGE"}},
		"flag without a value":     {[]string{"image", "add", "a:1", "--from"}, []string{"--from"}},
		"flag with a wrong value":  {[]string{"image", "add", "a:1", "--timeout", "soon"}, []string{"soon"}},
		"unknown format":           {[]string{"image", "list", "-o", "yaml"}, []string{"yaml", "json-raw"}},
		"not a reference":          {[]string{"image", "add", "what is this"}, []string{"what is this"}},
		"unknown source":           {[]string{"image", "add", "a:1", "--from", "floppy"}, []string{"floppy", "oci-dir"}},
		"source without a path":    {[]string{"image", "add", "a:1", "--from", "oci-dir:"}, []string{"oci-dir:"}},
		"annotation without value": {[]string{"image", "add", "a:1", "--annotation", "a"}, []string{"KEY=VALUE"}},
		"no Dockerfile":            {[]string{"image", "add", "a:1", "--dockerfile", "/none/Dockerfile"}, []string{"/none/Dockerfile"}},
		"an SBOM that is none":     {[]string{"image", "add", "a:1", "--from", text}, []string{text}},
		"no SBOM":                  {[]string{"image", "add", "a:1", "--from", "none.json"}, []string{"none.json"}},
		"evidence that is none":    {[]string{"import", text}, []string{text, "hint: "}},
		"no evidence":              {[]string{"import", "none"}, []string{"none"}},
		"no file for evidence":     {[]string{"image", "analyze", "a:1"}, []string{"-o FILE"}},
		"a policy that is none":    {[]string{"policy", "add", "-i", text}, []string{text, "hint: "}},
		"no policy":                {[]string{"policy", "add"}, []string{"-i FILE"}},
		"a local policy of none":   {[]string{"image", "check", "a:1", "--local", "--policy", text}, []string{text}},
		"a database that is none":  {[]string{"vulndb", "import", text, "--local"}, []string{text}},
		"code beyond a byte":       {[]string{"image", "check", "a:1", "--exit-code", "256"}, []string{"256"}},
		"age that is none":         {[]string{"image", "check", "a:1", "--max-db-age", "old"}, []string{"old"}},
		"history without an image": {[]string{"image", "list", "--history"}, []string{"--image"}},
		"half of TLS":              {[]string{"serve", "--tls-cert", text}, []string{"--tls-key"}},
		"no workers":               {[]string{"serve", "--workers", "0"}, []string{"--workers"}},
		"no password file":         {[]string{"image", "list", "--password-file", "/none/password"}, []string{"/none/password"}},
		"server not there":         {[]string{"image", "list", "--url", "http://127.0.0.1:1"}, []string{"http://127.0.0.1:1", "hint: "}},
		"password in the URL":      {[]string{"image", "list", "--url", "http://u:secretword@127.0.0.1:1"}, []string{"TIDEPOLE_PASSWORD"}},
		"no configuration":         {[]string{"-c", "/none/c.yaml", "image", "list"}, []string{"/none/c.yaml"}},
		"configuration, a typo":    {[]string{"-c", write(t, "urll: x\n"), "image", "list"}, []string{`"urll"`, `"url"`}},
		"registry without a name":  {[]string{"-c", write(t, "registries: [{username: me}]\n"), "image", "analyze", "a:1", "-o", "f"}, []string{"authority"}},
		"registry with a typo":     {[]string{"-c", write(t, "registries: [{authority: a, passwrod: x}]\n"), "image", "analyze", "a:1", "-o", "f"}, []string{"passwrod"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := *s
			c.t = t
			r := c.fails(1, append([]string{"error: "}, test.want...), test.args...)
			if strings.Contains(r.err, "secretword") {
				t.Errorf("a password is shown: %s", r.err)
			}
		})
	}
}

func TestSignals(t *testing.T) {
	t.Parallel()
	for signal, code := range map[os.Signal]int{os.Interrupt: 130, syscall.SIGTERM: 143} {
		ctx, cancel := context.WithCancelCause(context.Background())
		silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
			cancel(cli.Signal{Signal: signal}) // in the middle of the question
			<-req.Context().Done()
		}))
		r := newShell(t).runIn(ctx, "image", "list", "--url", silent.URL, "--request-timeout", "1h")
		silent.Close()
		if r.code != code || !strings.Contains(r.err, "error: "+cli.Signal{Signal: signal}.Error()+"\n") {
			t.Errorf("%v: exit code %d, %s", signal, r.code, r.err)
		}
	}
}

func TestWaitEndsWithFourWhileTheWorkGoesOn(t *testing.T) {
	image := `{"image_digest":"sha256:` + strings.Repeat("0", 64) + `","analysis_status":"analyzing","image_status":"active","analysis_status_reason":"pull"}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(image))
	}))
	defer server.Close()
	var r result
	for limit := 300 * time.Millisecond; limit < patience; limit *= 2 { // until it is long enough for a look
		r = newShell(t).run("image", "add", "a:1", "--wait", "--timeout", limit.String(), "--url", server.URL)
		if r.code != 4 || strings.Contains(r.err, "wait: analyzing") {
			break
		}
	}
	if r.code != 4 || !strings.Contains(r.out, "Status: analyzing (active)\n") || !strings.Contains(r.err, "wait: analyzing: pull\n") || !strings.Contains(r.err, "hint: ") {
		t.Errorf("%+v", r)
	}
}

func TestAnalysisThatFails(t *testing.T) {
	image := `{"image_digest":"sha256:` + strings.Repeat("0", 64) + `","analysis_status":"analysis_failed","image_status":"active","analysis_status_reason":"layer \u001b[2J is broken"}`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(image))
	}))
	defer server.Close()
	r := newShell(t).run("image", "add", "a:1", "--wait", "--url", server.URL)
	if r.code != 1 || !strings.Contains(r.err, `layer \x1b[2J is broken`) || !strings.Contains(r.err, "queue retry") {
		t.Errorf("%+v", r)
	}
	if strings.Contains(r.out+r.err, "\x1b") {
		t.Errorf("an escape came through: %q", r.out+r.err)
	}
}

func TestColor(t *testing.T) {
	for name, test := range map[string]struct {
		terminal bool
		vars     string
		color    bool
	}{
		"terminal":              {true, "", true},
		"no terminal":           {false, "", false},
		"NO_COLOR":              {true, "NO_COLOR=1", false},
		"empty NO_COLOR":        {true, "NO_COLOR=", true},
		"a terminal that can't": {true, "TERM=dumb", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShell(t)
			if test.vars != "" {
				s = s.with(test.vars)
			}
			var out, errs syncBuffer
			e := s.env(&out, &errs, "nothing")
			e.Err = env.Stream{Writer: &errs, Terminal: test.terminal}
			cli.Run(context.Background(), e)
			if got := strings.HasPrefix(errs.String(), "\x1b[1;31merror:\x1b[0m "); got != test.color {
				t.Errorf("%q", errs.String())
			}
		})
	}
}

func TestConfigShowsOriginsAndNoSecrets(t *testing.T) {
	path := write(t, `
url: http://from-the-file
password: secret-1
registries:
  - {authority: a.example, username: me, password: secret-2}
  - {authority: b.example}
content-search:
  patterns: {Copyright: copyright}
`)
	s := newShell(t).with("TIDEPOLE_USERNAME=somebody", "TIDEPOLE_REGISTRY_TOKEN=secret-3", "TIDEPOLE_ADMIN_PASSWORD=secret-4", "TIDEPOLE_VULNDB_URL=https://me:secret-5@db.example/db?token=secret-5")
	out := s.ok("-c", path, "config", "--account", "mine", "-o", "json")
	var got struct {
		File     string
		Settings []struct{ Key, Value, Origin string }
	}
	decode(t, out, &got)
	want := map[string][2]string{
		"url":                     {"http://from-the-file", "file " + path},
		"username":                {"somebody", "environment TIDEPOLE_USERNAME"},
		"account":                 {"mine", "flag --account"},
		"password":                {"********", "file " + path},
		"registry.token":          {"********", "environment TIDEPOLE_REGISTRY_TOKEN"},
		"admin-password":          {"********", "environment TIDEPOLE_ADMIN_PASSWORD"},
		"vulndb.url":              {"https://********@db.example/db?********", "environment TIDEPOLE_VULNDB_URL"},
		"registry.password":       {"", "default"},
		"registries":              {"a.example (with credentials),b.example", "file " + path},
		"content-search.patterns": {"Copyright", "file " + path},
		"image.timeout":           {"30m0s", "default"},
	}
	for _, row := range got.Settings {
		if w, ok := want[row.Key]; ok && w != [2]string{row.Value, row.Origin} {
			t.Errorf("%s is %q from %s; want %q", row.Key, row.Value, row.Origin, w)
		}
		delete(want, row.Key)
	}
	if len(want) > 0 || got.File != path {
		t.Errorf("not shown: %v; file %s", want, got.File)
	}
	for _, text := range []string{out, s.ok("-c", path, "config")} {
		if strings.Contains(text, "secret-") && !strings.Contains(text, "secret-search") || strings.Contains(text, "secret-1") ||
			strings.Contains(text, "secret-2") || strings.Contains(text, "secret-3") || strings.Contains(text, "secret-4") || strings.Contains(text, "secret-5") {
			t.Errorf("a secret is shown:\n%s", text)
		}
	}
}

func TestLocalServersPasswordIsFound(t *testing.T) {
	s := newShell(t)
	data := filepath.Join(s.home, ".local", "share", "tidepole")
	var user, pass string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, pass, _ = r.BasicAuth()
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(`{"items":[]}`))
	}))
	l, err := net.Listen("tcp", "127.0.0.1:8228")
	if err != nil {
		t.Skipf("the default address is taken: %v", err)
	}
	server.Listener.Close()
	server.Listener = l
	server.Start()
	defer server.Close()
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "admin-password"), []byte("generated\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ vars, want string }{
		"default":        {"X=", "admin:generated"},
		"given":          {"TIDEPOLE_PASSWORD=given", "admin:given"},
		"another user":   {"TIDEPOLE_USERNAME=me", "me:"},
		"another server": {"TIDEPOLE_URL=http://localhost:8228", "admin:"},
	} {
		s.with(test.vars).ok("image", "list")
		if got := user + ":" + pass; got != test.want {
			t.Errorf("%s: signed in as %s, want %s", name, got, test.want)
		}
	}
}

// Whoever is not let in is told where the password is from that he may not know of.
func TestARefusedPasswordIsSaidToBeFromSomewhere(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer server.Close()
	dir := t.TempDir()
	file, settings := filepath.Join(dir, "secret"), filepath.Join(dir, "settings.yaml")
	for name, text := range map[string]string{file: "not-mine\n", settings: "password: not-mine\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := newShell(t).with("TIDEPOLE_URL=" + server.URL)
	for name, test := range map[string]struct {
		vars, args []string
		want       string
	}{
		"environment":         {[]string{"TIDEPOLE_PASSWORD=not-mine"}, nil, "environment TIDEPOLE_PASSWORD"},
		"file":                {nil, []string{"--password-file", file}, "file " + file + ", which flag --password-file names"},
		"file of environment": {[]string{"TIDEPOLE_PASSWORD_FILE=" + file}, nil, "file " + file + ", which environment TIDEPOLE_PASSWORD_FILE names"},
		"configuration":       {nil, []string{"-c", settings}, "file " + settings},
	} {
		r := s.with(test.vars...).run(append([]string{"image", "list"}, test.args...)...)
		if !strings.Contains(r.err, `does not know user "admin" with this password (from the `+test.want+")") || strings.Contains(r.err, "not-mine") {
			t.Errorf("%s: %s", name, r.err)
		}
	}
}

func TestQuietAndVerbose(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	dir, file := small(t), filepath.Join(t.TempDir(), "f")
	analyze := []string{"image", "analyze", dir, "--from", "oci-dir", "-o", file, "--overwrite"}
	if r := s.run(analyze...); !strings.Contains(r.err, "catalog: cataloguing packages\n") {
		t.Errorf("not quiet: %q", r.err)
	}
	if r := s.run(append(analyze, "-q")...); r.err != "" || r.code != 0 {
		t.Errorf("quiet: %q", r.err)
	}
	if r := s.run("image", "list", "--url", "http://127.0.0.1:1", "-q"); !strings.HasPrefix(r.err, "error: ") {
		t.Errorf("quiet, with an error: %q", r.err)
	}
	e := s.env(&syncBuffer{}, &syncBuffer{}, "image", "list", "--url", "http://127.0.0.1:1", "-q")
	e.Environ = func() []string { return []string{"TIDEPOLE_PLATFROM=linux/arm64"} }
	errs := e.Err.Writer.(*syncBuffer)
	if cli.Run(context.Background(), e); !strings.HasPrefix(errs.String(), "warning: no setting is called TIDEPOLE_PLATFROM") {
		t.Errorf("quiet, with a warning: %q", errs)
	}
	if r := s.run("image", "list", "--url", "http://127.0.0.1:1", "-v"); !strings.Contains(r.err, "level=INFO") {
		t.Errorf("verbose: %q", r.err)
	}
}
