package check

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	dockerfile "github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
)

// deploy is the folder that is looked at.
const deploy = ".."

func TestImages(t *testing.T) {
	for _, name := range []string{"Containerfile", "Containerfile.release"} {
		f, err := os.Open(filepath.Join(deploy, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		tree, err := dockerfile.Parse(f)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		stages, _, err := instructions.Parse(tree.AST, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		last := stages[len(stages)-1]
		user := ""
		for _, c := range last.Commands {
			switch c := c.(type) {
			case *instructions.RunCommand:
				t.Errorf("%s: the image itself runs %v: it has no shell", name, c)
			case *instructions.UserCommand:
				user = c.User
			}
		}
		if last.BaseName != "scratch" || user != "65532:65532" {
			t.Errorf("%s: the image is from %q, and its user %q", name, last.BaseName, user)
		}
		if len(tree.Warnings) > 0 {
			t.Errorf("%s: %+v", name, tree.Warnings)
		}
	}
}

func TestCompose(t *testing.T) {
	dir := t.TempDir() // for its secrets
	for _, name := range []string{"compose.yaml", "secrets.sh"} {
		data, err := os.ReadFile(filepath.Join(deploy, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	secrets := func() string {
		if out, err := exec.Command(filepath.Join(dir, "secrets.sh")).CombinedOutput(); err != nil {
			t.Fatalf("secrets.sh: %v\n%s", err, out)
		}
		data, err := os.ReadFile(filepath.Join(dir, "secrets", "tidepole.env"))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if first, again := secrets(), secrets(); first != again {
		t.Errorf("secrets are made anew: %s, %s", first, again)
	}
	if key, err := os.ReadFile(filepath.Join(dir, "secrets", "registry-key")); err != nil || len(key) != 32 {
		t.Errorf("a key of %d bytes: %v", len(key), err)
	}
	checkSecrets(t, filepath.Join(dir, "secrets"))
	o, err := cli.NewProjectOptions([]string{filepath.Join(dir, "compose.yaml")})
	if err != nil {
		t.Fatal(err)
	}
	p, err := o.LoadProject(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"blobs", "bucket", "server", "store", "worker"}; !slices.Equal(p.ServiceNames(), want) {
		t.Errorf("services %v, want %v", p.ServiceNames(), want)
	}
	for _, name := range []string{"server", "worker"} {
		s := p.Services[name]
		if !s.ReadOnly || s.User != "65532:65532" || !slices.Contains(s.CapDrop, "ALL") || s.Environment["TIDEPOLE_STORE"] == nil || s.Environment["AWS_SECRET_ACCESS_KEY"] == nil {
			t.Errorf("%s: %+v", name, s)
		}
	}
	worker := p.Services["worker"]
	for _, want := range []string{"--workers=2", "--max-memory=3GiB", "--max-disk=16GiB"} {
		if !slices.Contains(worker.Command, want) {
			t.Errorf("the worker is started without %s: %v", want, worker.Command)
		}
	}
	if int64(worker.MemLimit) < 2*3<<30+ownMemory {
		t.Errorf("a worker may have %d bytes of memory: too little for its analyses", worker.MemLimit)
	}
	for _, name := range []string{"server", "worker"} { // a tmpfs is memory
		if s := p.Services[name]; len(s.Tmpfs) > 0 || !slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool { return v.Target == "/tmp" && v.Type == "volume" }) {
			t.Errorf("%s has no volume for temporary files: %+v", name, s.Volumes)
		}
	}
	for _, s := range p.Services {
		if s.Image != "tidepole" && (strings.HasSuffix(s.Image, ":latest") || !strings.Contains(s.Image, ":")) {
			t.Errorf("%s: the version of %s is not fixed", s.Name, s.Image)
		}
		for _, secret := range s.Secrets {
			if secret.Source == "admin-password" && s.Name != "server" {
				t.Errorf("%s has the password of the user admin", s.Name)
			}
		}
	}
	for _, name := range []string{"server", "worker"} {
		checkEnd(t, name, p.Services[name].Command, time.Duration(*p.Services[name].StopGracePeriod))
	}
	if n := p.Services["worker"].Deploy.Replicas; n == nil || *n != 2 {
		t.Errorf("workers: %v, want 2", n)
	}
}

// settling is how long a process may take to give its work back, and to say goodbye, once
// its grace is over.
const settling = 40 * time.Second

// checkEnd looks whether a process that is told to end comes to its end before it is killed.
func checkEnd(t *testing.T, name string, args []string, killed time.Duration) {
	t.Helper()
	for _, a := range args {
		if text, ok := strings.CutPrefix(a, "--grace="); ok {
			if grace, err := time.ParseDuration(text); err != nil || killed <= grace+settling {
				t.Errorf("%s is killed after %v, with a grace of %s: %v", name, killed, text, err)
			}
			return
		}
	}
	t.Errorf("%s is started without --grace: %v", name, args)
}

// checkSecrets looks at who may read them: nobody else comes into the folder, and what
// containers read as a user of their own they may read.
func checkSecrets(t *testing.T, dir string) {
	t.Helper()
	want := map[string]os.FileMode{
		".": 0o700, "tidepole.env": 0o600, "blobs.env": 0o600,
		"admin-password": 0o644, "store-password": 0o644, "registry-key": 0o644,
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != len(want)-1 {
		t.Errorf("secrets: %v, %v", files, err)
	}
	for name, mode := range want {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("secrets/%s: want the mode %o: %+v, %v", name, mode, info, err)
		}
	}
}

func TestAlerts(t *testing.T) {
	name := filepath.Join(deploy, "prometheus", "alerts.yaml")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	groups, errs := rulefmt.Parse(data, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	for _, err := range errs {
		t.Errorf("%s: %v", name, err)
	}
	n := 0
	for _, g := range groups.Groups {
		n += len(g.Rules)
	}
	if n == 0 {
		t.Error("there are no rules")
	}
}

// Every query of the dashboard is one, once Grafana has filled in its variables.
func TestDashboard(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(deploy, "grafana", "tidepole.json"))
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&d); err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("$__rate_interval", "5m", "$job", "tidepole")
	ids, queries := map[int]bool{}, 0
	for _, p := range d.Panels {
		if ids[p.ID] || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %q has the id of another, or no place", p.Title)
		}
		ids[p.ID] = true
		for _, q := range p.Targets {
			queries++
			if _, err := parser.NewParser(parser.Options{}).ParseExpr(fill.Replace(q.Expr)); err != nil {
				t.Errorf("panel %q: %s: %v", p.Title, q.Expr, err)
			}
		}
	}
	if queries == 0 {
		t.Error("there are no queries")
	}
}
