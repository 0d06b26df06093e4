package e2e_test

import (
	"bytes"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// The image of a release builds, and its server runs as nobody in particular, with a
// root file system that it cannot write to.
func TestContainerImage(t *testing.T) {
	base := part(t, "TIDEPOLE_TEST_BASE")
	tool, err := exec.LookPath("podman")
	if err != nil {
		t.Skipf("podman is not installed: integration/install.sh takes it from Debian")
	}
	if os.Geteuid() != 0 {
		t.Skip("podman builds images for root only here")
	}
	dir := t.TempDir()
	podman := func(args ...string) *exec.Cmd {
		cmd := exec.Command(tool, append([]string{"--root", filepath.Join(dir, "root"), "--runroot", filepath.Join(dir, "run"), "--tmpdir", filepath.Join(dir, "tmp"),
			"--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "none"}, args...)...)
		cmd.Env = append(os.Environ(), "TMPDIR="+dir)
		return cmd
	}
	must := func(args ...string) string {
		t.Helper()
		out, err := podman(args...).CombinedOutput()
		if err != nil {
			t.Fatalf("podman %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	// What the image takes from another one, without a network: a shell, and authorities.
	from := filepath.Join(dir, "from")
	do(t, os.Mkdir(from, 0o755))
	do(t, os.WriteFile(filepath.Join(from, "ca.crt"), []byte("authorities\n"), 0o644))
	do(t, os.WriteFile(filepath.Join(from, "Containerfile"), []byte("FROM localhost/debian\nCOPY ca.crt /etc/ssl/certs/ca-certificates.crt\n"), 0o644))
	must("import", base, "localhost/debian")
	must("build", "-t", "base", from)

	release := filepath.Join(dir, "release", "linux", runtime.GOARCH)
	do(t, os.MkdirAll(release, 0o755))
	data, err := os.ReadFile(program)
	do(t, err)
	do(t, os.WriteFile(filepath.Join(release, "tidepole"), data, 0o755))
	must("build", "--isolation", "chroot", "--build-arg", "ROOT_IMAGE=localhost/base", "-f", "../../deploy/Containerfile.release", "-t", "tidepole", filepath.Join(dir, "release"))

	free, err := net.Listen("tcp", "127.0.0.1:0")
	do(t, err)
	address := free.Addr().String()
	do(t, free.Close())
	var log bytes.Buffer
	server := podman("run", "--rm", "--name", "server", "--read-only", "--tmpfs", "/tmp", "--network", "host", "--cap-drop", "ALL",
		"--security-opt", "no-new-privileges", "--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096",
		"--env", "TIDEPOLE_SERVE_LISTEN="+address, "tidepole")
	server.Stdout, server.Stderr = &log, &log
	do(t, server.Start())
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	t.Cleanup(func() { podman("rm", "--force", "server").Run() })
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		resp, err := http.Get("http://" + address + "/ready")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		select {
		case err := <-ended:
			if strings.Contains(log.String(), "OCI") { // the machine lets no container run
				t.Skipf("the image is built, and cannot be run here: %s", log.String())
			}
			t.Fatalf("the server ended: %v\n%s", err, log.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("the server in the container is not ready: %v\n%s", err, log.String())
		}
	}
	// Its health check is the program itself.
	until(t, "the health check", func() bool {
		out, err := podman("exec", "--env", "TIDEPOLE_URL=http://"+address, "server", "/usr/bin/tidepole", "system", "ready").CombinedOutput()
		return err == nil && strings.Contains(string(out), "ok")
	})
	must("stop", "--time", "60", "server")
	if err := <-ended; err != nil {
		t.Errorf("the server, told to end: %v\n%s", err, log.String())
	}
}
