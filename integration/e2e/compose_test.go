package e2e_test

import (
	"bytes"
	"cmp"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"go.yaml.in/yaml/v3"

	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/blobs/blobstest"
	"github.com/tidepole/tidepole/importserver/store/storetest"
)

// What deploy/compose.yaml starts works together: its command lines, as processes on
// this machine, on a real PostgreSQL and an S3-compatible store.
func TestComposeFileAsProcesses(t *testing.T) {
	store := storetest.Schema(t, os.Getenv(storetest.PostgresVariable))
	endpoint := os.Getenv("TIDEPOLE_TEST_S3")
	if endpoint == "" {
		s3 := httptest.NewServer(gofakes3.New(s3mem.New(), gofakes3.WithLogger(gofakes3.DiscardLog())).Server())
		t.Cleanup(s3.Close)
		endpoint = s3.URL
	}
	key, secret := cmp.Or(os.Getenv("TIDEPOLE_TEST_S3_KEY"), "any"), cmp.Or(os.Getenv("TIDEPOLE_TEST_S3_SECRET"), "any")
	t.Setenv("AWS_ACCESS_KEY_ID", key) // to make the bucket
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	_, _, bucket := blobstest.NewBucket(t, endpoint)

	dir := t.TempDir() // as deploy/ is, with its secrets
	for _, name := range []string{"compose.yaml", "secrets.sh"} {
		data, err := os.ReadFile(filepath.Join("../../deploy", name))
		do(t, err)
		do(t, os.WriteFile(filepath.Join(dir, name), data, 0o700))
	}
	if out, err := exec.Command(filepath.Join(dir, "secrets.sh")).CombinedOutput(); err != nil {
		t.Fatalf("secrets.sh: %v\n%s", err, out)
	}
	password, err := os.ReadFile(filepath.Join(dir, "secrets", "admin-password"))
	do(t, err)
	var compose struct {
		Services map[string]struct {
			Command     []string
			Deploy      struct{ Replicas int }
			Healthcheck struct{ Test []string }
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "compose.yaml"))
	do(t, err)
	do(t, yaml.Unmarshal(data, &compose))
	here := strings.NewReplacer("/run/secrets/", filepath.Join(dir, "secrets")+"/", "http://blobs:9000", endpoint, "s3://tidepole", "s3://"+bucket)
	command := func(service string) (args []string) {
		for _, arg := range compose.Services[service].Command[1:] {
			if !strings.HasPrefix(arg, "--vulndb-update=") { // there is no network
				args = append(args, here.Replace(arg))
			}
		}
		return args
	}

	images := imagetest.NewRegistry(t, imagetest.RegistryOptions{})
	images.Push(t, "shop/web:1", imagetest.New(t, imagetest.Spec{Layers: []imagetest.Layer{{"etc/os-release": {Content: "ID=debian\nVERSION_ID=\"12\"\n"}}}}))
	u := newUser(t).with("TIDEPOLE_STORE="+store, "AWS_ACCESS_KEY_ID="+key, "AWS_SECRET_ACCESS_KEY="+secret, "AWS_EC2_METADATA_DISABLED=true",
		"TIDEPOLE_REGISTRY_AUTHORITY="+images.Host, "TIDEPOLE_REGISTRY_INSECURE_HTTP=true")
	s := u.serve(command("server")...)
	u.env = append(u.env, "TIDEPOLE_PASSWORD="+strings.TrimSpace(string(password)))
	workers := make([]*exec.Cmd, compose.Services["worker"].Deploy.Replicas)
	said := make([]bytes.Buffer, len(workers))
	for i := range workers {
		worker, cancel := u.command(append([]string{"worker", "--data", t.TempDir()}, command("worker")...)...)
		t.Cleanup(cancel)
		worker.Stderr = &said[i]
		do(t, worker.Start())
		workers[i] = worker
	}
	u.ok("image", "add", images.Host+"/shop/web:1", "--wait", "--timeout", "2m")
	var image wire.Image
	u.okJSON(&image, "image", "get", images.Host+"/shop/web:1", "-o", "json-raw")
	if image.Status != wire.Analyzed || image.Origin != "server" {
		t.Errorf("the image is %s, its evidence from %s", image.Status, image.Origin)
	}
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		var list []wire.Worker
		u.okJSON(&list, "worker", "list", "-o", "json-raw")
		list = slices.DeleteFunc(list, func(w wire.Worker) bool { return w.Kind != wire.ProcessWorker || !w.Up })
		if len(list) == 2 && len(workers) == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d workers were started, and %d work: %+v", len(workers), len(list), list)
		}
	}
	health := slices.DeleteFunc(compose.Services["server"].Healthcheck.Test, func(s string) bool { return s == "CMD" || s == "/usr/bin/tidepole" })
	until(t, "the health check", func() bool { return u.run(health...).code == 0 })
	for i, w := range workers {
		do(t, w.Process.Signal(syscall.SIGTERM))
		if err := w.Wait(); err != nil {
			t.Errorf("a worker, told to end: %v\n%s", err, &said[i])
		}
	}
	s.stop()
}
