package cli_test

import (
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestServeWithTLS(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	s := newShell(t).serve("--tls-cert", cert, "--tls-key", key)
	if !strings.HasPrefix(s.vars["TIDEPOLE_URL"], "https://127.0.0.1:") {
		t.Errorf("the URL is %s", s.vars["TIDEPOLE_URL"])
	}
	s.fails(1, []string{"certificate", "hint: "}, "system", "status")
	match(t, s.ok("system", "status", "--ca-file", cert), `(?m)^Status: up$`)
}

// certificate is one for 127.0.0.1, and its key, as files.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	pair := server.TLS.Certificates[0]
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert = write(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})))
	return cert, write(t, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
}

func TestServeFetchesItsDatabase(t *testing.T) {
	t.Parallel()
	archive := database(t, 0)
	site := httptest.NewServer(http.FileServer(http.Dir(filepath.Dir(archive))))
	defer site.Close()
	s := newShell(t).serve("--vulndb-url", site.URL+"/"+filepath.Base(archive), "--vulndb-update", "1h")
	eventually(t, "the database does not come", func() bool { return strings.Contains(s.ok("vulndb", "status"), "Database: present\n") })
}

func TestServeThatCannot(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := write(t, "not a certificate")
	for name, test := range map[string]struct {
		args []string
		want []string
	}{
		"address taken":        {[]string{"--listen", taken.Addr().String()}, []string{taken.Addr().String(), "hint: "}},
		"no place for metrics": {[]string{"--metrics-listen", taken.Addr().String()}, []string{taken.Addr().String(), "--metrics-listen"}},
		"no address":           {[]string{"--listen", "nowhere"}, []string{"nowhere", "hint: "}},
		"data is a file":       {[]string{"--data", file}, []string{file}},
		"no certificate":       {[]string{"--tls-cert", file, "--tls-key", file}, []string{file, "certificate"}},
		"no place for its URL": {[]string{"--ready-file", t.TempDir() + "/none/ready"}, []string{"/none/ready"}},
		"empty password file":  {[]string{"--admin-password-file", write(t, "\n")}, []string{"empty"}},
		"broken secret search": {[]string{"-c", write(t, "secret-search: {additional-patterns: {bad: '('}}\n")}, []string{"bad"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShell(t)
			s.fails(1, append([]string{"error: "}, test.want...), append([]string{"serve", "--listen", "127.0.0.1:0", "--data", t.TempDir()}, test.args...)...)
		})
	}
}

func TestTwoServersOnOneFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := newShell(t).serve("--data", dir)
	s.fails(1, []string{dir}, "serve", "--data", dir, "--listen", "127.0.0.1:0")
	s.ok("system", "status")
}

// A password in the environment goes before a file that the configuration names.
func TestPasswordsByTheirOrigin(t *testing.T) {
	t.Parallel()
	inFile := write(t, "from-the-file\n")
	admin := write(t, "admin-password-file: "+inFile+"\n")
	s := newShell(t).serve("-c", admin) // with TIDEPOLE_ADMIN_PASSWORD
	s.ok("image", "list")

	wrong := write(t, "wrong\n")
	s.with("TIDEPOLE_PASSWORD_FILE="+write(t, password), "TIDEPOLE_PASSWORD=").ok("-c", write(t, "password: wrong\n"), "image", "list")
	s.ok("-c", write(t, "password-file: "+wrong+"\n"), "image", "list")
	s.with("TIDEPOLE_PASSWORD=wrong").ok("image", "list", "--password-file", write(t, password))
	s.fails(1, nil, "image", "list", "--password-file", wrong)
}

func TestServeKeepsItsPasswordPrivate(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	file := write(t, "from-the-file\nsecond line\n")
	dir := t.TempDir()
	s = s.serve("--data", dir, "--admin-password-file", file)
	s.with("TIDEPOLE_PASSWORD=from-the-file").ok("image", "list")
	s.fails(1, []string{"TIDEPOLE_PASSWORD"}, "image", "list")
	if info, err := os.Stat(dir + "/tidepole.db"); err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the store: %v, %v", info, err)
	}
}

// Metrics are for users of the admin account, and, on a listener of their own, for whoever
// reaches that.
func TestServeShowsMetricsApart(t *testing.T) {
	t.Parallel()
	s := newShell(t).serve("--metrics-listen", "127.0.0.1:0")
	apart := match(t, s.said, `its state is at (http://\S+)`)
	for url, want := range map[string]int{apart: 200, s.vars["TIDEPOLE_URL"]: 401} {
		resp, err := http.Get(url + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", url, resp.StatusCode, want)
		}
	}
}
