package deploy_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/tidepole/tidepole/importserver"
)

const deploy = "../../deploy"

// exposure is the most that systemd may find open in a unit, of 100.
const exposure = 20

// have skips a test where a program is missing, and says so.
func have(t *testing.T, program, from string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not installed: integration/install.sh takes it from %s", program, from)
	}
	return path
}

// systemd itself finds no mistake in the units, and little that they leave open.
func TestUnits(t *testing.T) {
	analyze := have(t, "systemd-analyze", "Debian's systemd")
	dir := t.TempDir()
	for _, name := range []string{"tidepole.service", "tidepole-worker@.service"} {
		data, err := os.ReadFile(filepath.Join(deploy, "systemd", name))
		if err != nil {
			t.Fatal(err)
		}
		there := bytes.ReplaceAll(data, []byte("ExecStart=/usr/bin/tidepole "), []byte("ExecStart=/bin/true ")) // a program that is there
		if bytes.Equal(there, data) {
			t.Errorf("%s does not start /usr/bin/tidepole", name)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, there, 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(analyze, "verify", "--man=no", path).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("systemd-analyze verify %s: %v\n%s", name, err, out)
		}
		out, err := exec.Command(analyze, "security", "--no-pager", "--offline=yes", "--threshold="+strconv.Itoa(exposure), path).CombinedOutput()
		if err != nil {
			t.Errorf("systemd-analyze security %s: %v\n%s", name, err, out)
		}
	}
}

var (
	unitWorkers = regexp.MustCompile(`(?m)^Environment=.*\bTIDEPOLE_(?:SERVE|WORKER)_WORKERS=(\d+)\b`)
	unitMemory  = regexp.MustCompile(`(?m)^Environment=.*\bTIDEPOLE_LIMITS_MEMORY=(\d+)GiB\b`)
	unitMax     = regexp.MustCompile(`(?m)^MemoryMax=(\d+)G$`)
)

// A unit has room for all that it works on at once, and for itself: systemd ends what
// takes more.
func TestUnitsHaveRoomForTheirAnalyses(t *testing.T) {
	for _, name := range []string{"tidepole.service", "tidepole-worker@.service"} {
		data, err := os.ReadFile(filepath.Join(deploy, "systemd", name))
		if err != nil {
			t.Fatal(err)
		}
		number := func(of *regexp.Regexp) int {
			found := of.FindSubmatch(data)
			if found == nil {
				t.Fatalf("%s has nothing like %s", name, of)
			}
			n, err := strconv.Atoi(string(found[1]))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		if workers, memory, has := number(unitWorkers), number(unitMemory), number(unitMax); has < workers*memory+1 {
			t.Errorf("%s: %d analyses of %d GiB, and the process itself, in %d GiB", name, workers, memory, has)
		}
		if !strings.Contains(string(data), " TIDEPOLE_TEMP_DIR=/var/tmp\n") {
			t.Errorf("%s leaves temporary files in /tmp, which may be memory", name)
		}
		if strings.Contains(string(data), "--workers") || strings.Contains(string(data), "--max-memory") {
			t.Errorf("%s gives as a flag what a file of variables is to be able to change", name)
		}
	}
}

// The parsers of Helm, Kubernetes, Compose, BuildKit and Prometheus read what is there.
// They are in a module of their own.
func TestParsers(t *testing.T) {
	if testing.Short() {
		t.Skip("it compiles Helm, BuildKit and Prometheus")
	}
	goTool := have(t, "go", "go.dev")
	dir := filepath.Join(deploy, "check")
	download := exec.Command(goTool, "mod", "download")
	download.Dir = dir
	if out, err := download.CombinedOutput(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("the parsers cannot be downloaded: %v\n%s", err, out)
		}
		t.Skipf("the parsers cannot be downloaded: %v\n%.500s", err, out)
	}
	cmd := exec.Command(goTool, "test", "-json", "./...")
	cmd.Dir = dir
	out, err := cmd.Output()
	var said strings.Builder
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var event struct{ Action, Test, Output string }
		if json.Unmarshal(lines.Bytes(), &event) != nil {
			continue
		}
		said.WriteString(event.Output)
		if event.Test != "" && (event.Action == "pass" || event.Action == "fail") {
			t.Run(event.Test, func(t *testing.T) {
				if event.Action == "fail" {
					t.Fail()
				}
			})
		}
	}
	if err != nil {
		t.Errorf("go test in deploy/check: %v\n%s", err, said.String())
	}
}

var metricName = regexp.MustCompile(`\b(?:tidepole|go|process)_[a-z0-9_]+\b`)

// Every metric that the dashboard, the alerts and the chart ask for is one that there is.
func TestMetricsAreThere(t *testing.T) {
	known := map[string]bool{"go_goroutines": true, "process_resident_memory_bytes": true, "process_cpu_seconds_total": true}
	used := map[string]bool{}
	for _, m := range importserver.Metrics() {
		known[m.Name] = true
		if m.Kind == "histogram" {
			for _, part := range []string{"_bucket", "_sum", "_count"} {
				known[m.Name+part] = true
			}
		}
	}
	for name, least := range map[string]int{"grafana/tidepole.json": 15, "prometheus/alerts.yaml": 6, "helm/tidepole/templates/worker.yaml": 1} {
		asked := map[string]bool{}
		for _, query := range queries(t, name) {
			for _, m := range metricName.FindAllString(query, -1) {
				if !known[m] {
					t.Errorf("%s asks for %s, which there is not", name, m)
				}
				asked[m], used[strings.TrimSuffix(m, "_bucket")] = true, true
			}
		}
		if len(asked) < least {
			t.Errorf("%s asks for %d metrics only: %v", name, len(asked), asked)
		}
	}
	for _, m := range importserver.Metrics() {
		if !used[m.Name] {
			t.Errorf("%s is on no dashboard", m.Name)
		}
	}
}

// queries are what a file asks Prometheus.
func queries(t *testing.T, name string) (all []string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(deploy, name))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(name, "templates") {
		return []string{string(data)}
	}
	var tree any
	if err := yaml.Unmarshal(data, &tree); err != nil { // JSON is YAML, too
		t.Fatal(err)
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for key, below := range v {
				if text, ok := below.(string); ok && slices.Contains([]string{"expr", "query"}, key) {
					all = append(all, text)
					continue
				}
				walk(below)
			}
		case []any:
			for _, below := range v {
				walk(below)
			}
		}
	}
	walk(tree)
	return all
}
