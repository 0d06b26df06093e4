package policy_test

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tidepole/tidepole/analysis/policy"
	"github.com/tidepole/tidepole/formats/bundle"
	document "github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/report"
)

var now = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

type object = map[string]any

// fixture is what a test's image is made of. It is written into a bundle and
// collected from there, as any image is.
type fixture struct {
	config     object // the configuration's "config"; nil leaves it out
	history    []string
	dockerfile string
	distro     object
	packages   []object
	files      []object
	allFiles   bool // whether files are all files
	secrets    []bundle.Search
	contents   []bundle.Search
	retrieved  map[string]string
	without    []bundle.Kind // parts left out
	matches    report.Matches
}

// layers are the diff IDs of a fixture's layers.
var layers = []string{"sha256:layer-one", "sha256:layer-two"}

func (f fixture) evidence(t testing.TB) *policy.Evidence {
	t.Helper()
	b, err := bundle.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	f.write(t, b)
	e, err := policy.Collect(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func (f fixture) write(t testing.TB, b *bundle.Bundle) {
	t.Helper()
	config := object{"os": "linux", "architecture": "amd64", "rootfs": object{"diff_ids": layers}}
	if f.config != nil {
		config["config"] = f.config
	}
	var history []object
	for _, by := range f.history {
		history = append(history, object{"created_by": by})
	}
	config["history"] = history
	selection := "owned-by-package"
	if f.allFiles {
		selection = "all"
	}
	contents := []bundle.FileContent{}
	for path, text := range f.retrieved {
		contents = append(contents, bundle.FileContent{
			Location: bundle.Location{Path: path, LayerID: layers[0]},
			Contents: base64.StdEncoding.EncodeToString([]byte(text)),
		})
	}
	f.part(t, b, bundle.Manifest, object{"layers": []object{{"digest": "sha256:a", "size": 1 << 20}, {"digest": "sha256:b", "size": 2 << 20}}})
	f.part(t, b, bundle.ImageConfig, config)
	f.part(t, b, bundle.Packages, object{
		"artifacts": f.packages, "files": f.files, "distro": f.distro,
		"descriptor": object{"name": "syft", "configuration": object{"files": object{"selection": selection}}},
	})
	f.part(t, b, bundle.SecretSearches, append([]bundle.Search{}, f.secrets...))
	f.part(t, b, bundle.ContentSearches, append([]bundle.Search{}, f.contents...))
	f.part(t, b, bundle.FileContents, contents)
	if f.dockerfile != "" {
		if err := b.WriteBytes(bundle.Dockerfile, "text/plain", []byte(f.dockerfile)); err != nil {
			t.Fatal(err)
		}
	}
}

func (f fixture) part(t testing.TB, b *bundle.Bundle, kind bundle.Kind, v any) {
	t.Helper()
	if slices.Contains(f.without, kind) {
		return
	}
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.WriteBytes(kind, "application/json", data); err != nil {
		t.Fatal(err)
	}
}

// example is one rule put to one image.
type example struct {
	name    string
	trigger string // "gate/trigger"
	params  []string
	image   fixture
	fires   []string // messages
	ids     []string // trigger ids, where the trigger makes its own
	lacks   []string // details of problems of type no_data, without the rule's place
	invalid []string // defects, without the rule's place
	retired bool
}

func (x example) policy(t testing.TB) document.Policy {
	t.Helper()
	gate, trigger, ok := cut(x.trigger)
	if !ok {
		t.Fatalf("trigger %q is not gate/trigger", x.trigger)
	}
	return policyOf(ruleOf("r1", "STOP", gate, trigger, x.params...))
}

// check evaluates the example and compares what comes out.
func (x example) check(t *testing.T) {
	t.Helper()
	p := x.policy(t)
	const rule = "(rule \"r1\" of rule set \"s\")"
	e := policy.Evaluate(p, policy.Input{
		Image: report.Image{Digest: "sha256:d", ID: "sha256:i"}, Tag: "docker.io/app:1",
		Evidence: x.image.evidence(t), Matches: x.image.matches, Now: now,
	})
	var fires, ids, lacks, invalid []string
	retired, judged := false, true
	for _, f := range e.Findings {
		fires, ids = append(fires, f.Message), append(ids, f.TriggerID)
	}
	for _, problem := range e.Problems {
		if problem.Type == report.ProblemNotJudged {
			judged = false
			continue
		}
		place, details, _ := strings.Cut(problem.Details, ": ")
		if wants := x.trigger + " " + rule; place != wants && (place != x.trigger || problem.Type != report.ProblemNoData) {
			t.Errorf("the problem %q is not with %s", problem.Details, wants)
		}
		switch problem.Type {
		case report.ProblemNoData:
			lacks = append(lacks, details)
		case report.ProblemInvalidRule:
			invalid = append(invalid, details)
		case report.ProblemRetired:
			retired = true
		}
	}
	equal(t, "findings", x.fires, fires)
	if x.ids != nil {
		equal(t, "trigger ids", x.ids, ids)
	}
	equal(t, "what is lacking", x.lacks, lacks)
	equal(t, "defects", x.invalid, invalid)
	equal(t, "retired", x.retired, retired)
	equal(t, "judged", !x.retired, judged)
	equal(t, "undecided", len(x.lacks) > 0 || x.retired, e.Undecided())
	want := report.Go
	if len(x.fires)+len(x.invalid) > 0 {
		want = report.Stop
	}
	equal(t, "final action", want, e.FinalAction)
	if err := policy.Check(p); (err != nil) != (len(x.invalid) > 0) {
		t.Errorf("Check = %v, though the rule's defects are %q", err, x.invalid)
	}
}

func run(t *testing.T, examples []example) {
	t.Helper()
	for _, x := range examples {
		t.Run(x.name, x.check)
	}
}

func equal(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
