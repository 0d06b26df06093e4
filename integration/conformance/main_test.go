package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidepole/tidepole/integration/vulndbtest"
)

// TestTheProgramConforms asks the built program, as it is served, for everything.
func TestTheProgramConforms(t *testing.T) {
	dir := t.TempDir()
	program, ready, password := filepath.Join(dir, "tidepole"), filepath.Join(dir, "ready"), filepath.Join(dir, "password")
	if out, err := exec.Command("go", "build", "-o", program, "../../cmd/tidepole").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	if err := os.WriteFile(password, []byte("of-the-suite\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	server := exec.Command(program, "serve", "--data", filepath.Join(dir, "data"), "--listen", "127.0.0.1:0", "--ready-file", ready,
		"--admin-password-file", password, "--grace", "1s")
	server.Stderr = &log
	server.Env = append(os.Environ(), "HOME="+dir, "XDG_CACHE_HOME="+dir)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		if err := server.Wait(); err != nil || t.Failed() {
			t.Errorf("the server: %v\n%s", err, log.Bytes())
		}
	}()
	url := ""
	for end := time.Now().Add(time.Minute); url == "" && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		data, _ := os.ReadFile(ready)
		url = strings.TrimSpace(string(data))
	}
	if url == "" {
		t.Fatal("the server does not get ready")
	}
	published := "../../../shared/contract/anchore-v2-openapi.yaml"
	if _, err := os.Stat(published); err != nil {
		t.Logf("SKIPPED: answers are not checked by the published description, which is not at %s", published)
		published = os.Getenv("PUBLISHED_API")
	}
	database := os.Getenv("TIDEPOLE_TEST_VULNDB") // a real one, where somebody has it
	if database == "" {
		database = filepath.Join(dir, "database.tar.gz")
		if err := vulndbtest.WriteArchive(database, time.Now().Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	failed, left, err := check(t.Context(), &out, url, "admin", "of-the-suite", database, published)
	if err != nil || failed > 0 || len(left) > 0 {
		t.Errorf("%d cases failed, and these statuses were not seen: %q; %v", failed, left, err)
	}
	t.Logf("%s", out.Bytes())
}
