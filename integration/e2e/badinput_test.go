package e2e_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Every one of these ends at once with exit code 1, says what was attempted, on
// what, and why it failed, and leaves nothing behind.
func TestBadInputIsExplained(t *testing.T) {
	p := plantedImage(t)
	open := openRegistry(t)
	registry := part(t, "TIDEPOLE_TEST_REGISTRY")
	dir := t.TempDir()
	truncated, text := filepath.Join(dir, "truncated.tar"), filepath.Join(dir, "text.tar")
	whole, err := os.ReadFile(p.archive)
	do(t, err)
	do(t, os.WriteFile(truncated, whole[:len(whole)/2], 0o600))
	do(t, os.WriteFile(text, []byte("this is no image\n"), 0o600))
	liar := lyingRegistry(t, registry)
	silent := silentServer(t)
	wrong := append([]string{}, closedRegistry(t)...)
	wrong[2] = "TIDEPOLE_REGISTRY_PASSWORD=not-the-password"

	for name, c := range map[string]struct {
		env  []string
		args []string
		want []string
	}{
		"unknown image": {open, []string{"image", "analyze", registry + "/no/such:1", "--from", "registry"},
			[]string{registry + "/no/such:1", "hint:"}},
		"unknown image, every source": {append([]string{"DOCKER_HOST=unix:///nowhere.sock", "CONTAINER_HOST=unix:///nowhere.sock", "CONTAINERD_ADDRESS=/nowhere.sock"}, open...),
			[]string{"image", "analyze", registry + "/no/such:1"},
			[]string{"docker", "podman", "containerd", "registry"}},
		"wrong credentials":           {wrong, []string{"image", "analyze", p.tlsName, "--from", "registry"}, []string{"hint:"}},
		"unknown authority":           {nil, []string{"image", "analyze", p.tlsName, "--from", "registry"}, []string{"certificate", "hint:"}},
		"http not asked for":          {nil, []string{"image", "analyze", p.name, "--from", "registry"}, []string{"hint:"}},
		"unreachable registry":        {nil, []string{"image", "analyze", "127.0.0.1:1/a:1", "--from", "registry"}, []string{"127.0.0.1:1"}},
		"daemon not running":          {[]string{"DOCKER_HOST=unix:///nowhere.sock"}, []string{"image", "analyze", "a:1", "--from", "docker"}, []string{"/nowhere.sock", "hint:"}},
		"podman not running":          {[]string{"CONTAINER_HOST=unix:///nowhere.sock"}, []string{"image", "analyze", "a:1", "--from", "podman"}, []string{"/nowhere.sock"}},
		"containerd not running":      {[]string{"CONTAINERD_ADDRESS=/nowhere.sock"}, []string{"image", "analyze", "a:1", "--from", "containerd"}, []string{"/nowhere.sock"}},
		"truncated archive":           {nil, []string{"image", "analyze", truncated, "--from", "docker-archive"}, []string{"truncated.tar"}},
		"not an archive":              {nil, []string{"image", "analyze", text, "--from", "docker-archive"}, []string{"text.tar"}},
		"not an archive, any source":  {nil, []string{"image", "analyze", text}, []string{"text.tar"}},
		"not an OCI layout":           {nil, []string{"image", "analyze", dir, "--from", "oci-dir"}, []string{dir}},
		"no such file":                {nil, []string{"image", "analyze", dir + "/none.tar", "--from", "docker-archive"}, []string{"none.tar"}},
		"wrong platform":              {open, []string{"image", "analyze", p.name, "--from", "registry", "--platform", "linux/s390x"}, []string{"s390x", "amd64"}},
		"lying manifest":              {liar.env(), []string{"image", "analyze", liar.host + "/team/planted:1", "--from", "registry"}, []string{"sha256:"}},
		"not a reference":             {nil, []string{"image", "analyze", "what is this", "--from", "registry"}, []string{"what is this"}},
		"unknown source":              {nil, []string{"image", "analyze", "a:1", "--from", "floppy"}, []string{"floppy", "docker-archive"}},
		"unknown format":              {nil, []string{"image", "list", "-o", "yaml"}, []string{"yaml", "json-raw"}},
		"server not there":            {[]string{"TIDEPOLE_URL=http://127.0.0.1:1"}, []string{"image", "list"}, []string{"http://127.0.0.1:1", "hint:"}},
		"server that says nothing":    {[]string{"TIDEPOLE_URL=" + silent, "TIDEPOLE_REQUEST_TIMEOUT=2s"}, []string{"image", "list"}, []string{silent}},
		"a bundle that is none":       {nil, []string{"import", text}, []string{"text.tar", "hint:"}},
		"a database that is none":     {nil, []string{"vulndb", "import", text, "--local"}, []string{"text.tar"}},
		"an SBOM that is none":        {nil, []string{"image", "add", "a:1", "--from", text}, []string{"text.tar"}},
		"a policy file that is none":  {nil, []string{"image", "check", "a:1", "--local", "--policy", text}, []string{"text.tar"}},
		"a flag that is not a number": {nil, []string{"image", "add", "a:1", "--timeout", "soon"}, []string{"soon"}},
		"a configuration with a typo": {[]string{"TIDEPOLE_CONFIG=" + writeTemp(t, "urll: x\n")}, []string{"image", "list"}, []string{"urll", "url"}},
	} {
		t.Run(name, func(t *testing.T) {
			u := newUser(t).with(c.env...)
			if c.args[1] == "analyze" {
				c.args = append(c.args, "-o", filepath.Join(u.home, "evidence"))
			}
			start := time.Now()
			r := u.run(c.args...)
			if r.code != 1 || !strings.Contains(r.stderr, "error: ") || r.stdout != "" {
				t.Errorf("exit code %d, stdout %q, stderr %s", r.code, r.stdout, r.stderr)
			}
			for _, want := range c.want {
				if !strings.Contains(r.stderr, want) {
					t.Errorf("%q is not in: %s", want, r.stderr)
				}
			}
			if took := time.Since(start); took > 60*time.Second {
				t.Errorf("it took %v", took)
			}
			if _, err := os.Stat(filepath.Join(u.home, "evidence")); err == nil {
				t.Error("it left an evidence file")
			}
			u.clean()
		})
	}
}

func TestWrongPasswordAtTheServerIsExplained(t *testing.T) {
	u := newUser(t)
	u.serve()
	r := u.with("TIDEPOLE_PASSWORD=wrong").run("image", "list")
	if r.code != 1 || !strings.Contains(r.stderr, "TIDEPOLE_PASSWORD") || strings.Contains(r.stderr, "wrong\"") {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
}

func writeTemp(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file.yaml")
	do(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

// liar is a registry that gives another manifest than it announces.
type liar struct{ host string }

func (l liar) env() []string {
	return []string{"TIDEPOLE_REGISTRY_AUTHORITY=" + l.host, "TIDEPOLE_REGISTRY_INSECURE_HTTP=true"}
}

func lyingRegistry(t *testing.T, real string) liar {
	t.Helper()
	p := proxyTo(t, "http://"+real, func(r *http.Response) error {
		if strings.Contains(r.Request.URL.Path, "/manifests/") {
			r.Header.Set("Docker-Content-Digest", "sha256:"+strings.Repeat("0", 64))
		}
		return nil
	})
	return liar{host: strings.TrimPrefix(p, "http://")}
}

// silentServer takes connections and never answers.
func silentServer(t *testing.T) string {
	t.Helper()
	var config net.ListenConfig
	l, err := config.Listen(context.Background(), "tcp", "127.0.0.1:0")
	do(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		var held []net.Conn
		for {
			c, err := l.Accept()
			if err != nil {
				for _, c := range held {
					c.Close()
				}
				return
			}
			held = append(held, c)
		}
	}()
	return "http://" + l.Addr().String()
}

func TestFullDiskIsExplainedAndNothingIsLost(t *testing.T) {
	p := plantedImage(t)
	tests := []struct {
		flags string
		code  int
	}{
		{"--no-cache --temp-dir", 1},
		{"--cache-dir", 0}, // an analysis does not need a cache
	}
	for _, test := range tests {
		small := smallDisk(t, "20m")
		u := newUser(t).with(openRegistry(t)...)
		args := append([]string{"image", "analyze", p.name, "--from", "registry", "-o", filepath.Join(u.home, "evidence")}, strings.Fields(test.flags)...)
		r := u.run(append(args, small)...)
		if r.code != test.code || strings.Count(r.stderr, "no space left") != 1 || !strings.Contains(r.stderr, small) || !strings.Contains(r.stderr, "hint:") {
			t.Errorf("%s: exit code %d: %s", test.flags, r.code, r.stderr)
		}
		if _, err := os.Stat(filepath.Join(u.home, "evidence")); (err == nil) != (test.code == 0) {
			t.Errorf("%s: evidence: %v", test.flags, err)
		}
		if left, _ := os.ReadDir(small); test.code != 0 && len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

func TestServerWithAFullDiskGoesOn(t *testing.T) {
	p := plantedImage(t)
	u := newUser(t).with(openRegistry(t)...)
	file := filepath.Join(t.TempDir(), "evidence")
	u.ok("image", "analyze", p.name, "--from", "registry", "-o", file)
	s := &server{t: t, user: newUser(t), dir: filepath.Join(smallDisk(t, "1500k"), "data"), addr: "127.0.0.1:0"}
	s.start()
	t.Cleanup(s.kill)
	u = u.with("TIDEPOLE_URL=http://"+s.addr, "TIDEPOLE_PASSWORD="+adminPassword)
	r := u.run("import", file, "--wait", "--timeout", "30s")
	if r.code == 0 || !strings.Contains(r.stderr, "error: ") {
		t.Errorf("exit code %d: %s", r.code, r.stderr)
	}
	u.ok("system", "status")
	u.clean()
}

// smallDisk is a file system of that size.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small file system cannot be mounted: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}
