package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/formats/wire"
)

// registry is a registry with TLS and a password that has one image, and the
// variables that open it.
func registry(t *testing.T) (name string, vars []string) {
	t.Helper()
	r := imagetest.NewRegistry(t, imagetest.RegistryOptions{TLS: true, Username: "puller", Password: "pull-password"})
	img := imagetest.New(t, imagetest.Spec{Layers: []imagetest.Layer{{
		"etc/os-release":                       {Content: "ID=debian\nVERSION_ID=\"12\"\n"},
		"app/node_modules/lodash/package.json": {Content: `{"name":"lodash","version":"4.17.20"}`},
	}}})
	r.Push(t, "team/app:1", img)
	return r.Host + "/team/app:1", []string{
		"TIDEPOLE_REGISTRY_AUTHORITY=" + r.Host, "TIDEPOLE_REGISTRY_USERNAME=puller",
		"TIDEPOLE_REGISTRY_PASSWORD=pull-password", "TIDEPOLE_REGISTRY_CA=" + r.CAFile,
	}
}

// The server pulls with its own settings, the command with its own: both come to
// the same report.
func TestCentralAndLocalAnalysisAgree(t *testing.T) {
	t.Parallel()
	name, vars := registry(t)
	archive := database(t, 0)
	times := regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]*Z \(\d+ \S+ old\)|\d{4}-\d\d-\d\dT[0-9:.]*Z`)
	var reports []string
	for _, from := range [][]string{{}, {"--from", "registry"}} {
		s := newShell(t).with(vars...).serve()
		s.ok("vulndb", "import", archive)
		add := s.run(append([]string{"image", "add", name, "--wait", "--platform", "linux/amd64"}, from...)...)
		if add.code != 0 || !strings.Contains(add.out, "Status: analyzed (active)\n") {
			t.Fatalf("add %v: %+v", from, add)
		}
		report := s.ok("image", "check", name, "--detail") + s.ok("image", "vulnerabilities", name, "-o", "json") +
			s.ok("image", "content", name, "-t", "files", "-o", "json") + s.ok("image", "sbom", name)
		reports = append(reports, times.ReplaceAllString(report, "TIME"))
	}
	if diff := cmp.Diff(reports[0], reports[1]); diff != "" {
		t.Errorf("central and local reports differ:\n%.3000s", diff)
	}
}

// An image that is named by a digest alone is recorded without a tag.
func TestImageByItsDigestAlone(t *testing.T) {
	t.Parallel()
	r := imagetest.NewRegistry(t, imagetest.RegistryOptions{})
	spec := imagetest.Spec{Layers: []imagetest.Layer{{"etc/os-release": {Content: "ID=debian\nVERSION_ID=\"12\"\n"}}}}
	index := r.Push(t, "team/app:1", imagetest.Index(t, spec))
	name, platform := r.Host+"/team/app@"+index, []string{"--platform", "linux/amd64"}
	open := newShell(t).with("TIDEPOLE_REGISTRY_AUTHORITY="+r.Host, "TIDEPOLE_REGISTRY_INSECURE_HTTP=true")
	var digest string
	for what, from := range map[string][]string{"central": nil, "local": {"--from", "registry"}} {
		t.Run(what, func(t *testing.T) {
			s := open.serve()
			out := s.ok(slices.Concat([]string{"image", "add", name, "--wait"}, platform, from)...)
			digest = match(t, out, `(?m)^Digest: (sha256:[0-9a-f]{64})$`)
			if digest == index || !strings.Contains(out, "Status: analyzed (active)\n") ||
				!strings.Contains(out, "Parent Digest: "+index+"\n") || strings.Contains(out, "Tag: ") {
				t.Errorf("it is recorded as\n%s", out)
			}
			var image wire.Image
			decode(t, s.ok("image", "get", r.Host+"/team/app@"+digest, "-o", "json-raw"), &image)
			if len(image.Detail) != 1 || image.Detail[0].FullDigest != r.Host+"/team/app@"+digest || image.Detail[0].FullTag != "" {
				t.Errorf("its names are %+v", image.Detail)
			}
			match(t, s.ok("image", "list"), digest)
			match(t, s.ok("image", "check", digest, "--tag", r.Host+"/team/app:1"), `(?m)^Evaluation: `)
		})
	}
	match(t, open.ok(append([]string{"image", "check", name, "--local", "--from", "registry"}, platform...)...), `(?m)^Evaluation: `)

	evidence := filepath.Join(t.TempDir(), "evidence")
	open.ok(append([]string{"image", "analyze", name, "--from", "registry", "-o", evidence}, platform...)...)
	if got := newShell(t).serve().ok("import", evidence, "-o", "id"); got != digest+"\n" {
		t.Errorf("imported from a file it is %q", got)
	}
}

func TestRegistriesOfTheFile(t *testing.T) {
	t.Parallel()
	name, vars := registry(t)
	entry := map[string]any{}
	for _, v := range vars {
		key, value, _ := strings.Cut(strings.TrimPrefix(v, "TIDEPOLE_REGISTRY_"), "=")
		entry[strings.ToLower(key)] = value
	}
	evidence := filepath.Join(t.TempDir(), "evidence")
	analyze := func(change map[string]any) result {
		merged := map[string]any{}
		for _, m := range []map[string]any{entry, change} {
			for k, v := range m {
				merged[k] = v
			}
		}
		file, err := json.Marshal(map[string]any{"registries": []any{map[string]any{"authority": "other.example", "password": "x"}, merged}})
		if err != nil {
			t.Fatal(err)
		}
		return newShell(t).run("-c", write(t, string(file)), "image", "analyze", name, "--from", "registry", "-o", evidence, "--overwrite")
	}
	if r := analyze(nil); r.code != 0 {
		t.Errorf("with the right settings: %+v", r)
	}
	if r := analyze(map[string]any{"ca": "", "skip-verify": true}); r.code != 0 {
		t.Errorf("without verification: %+v", r)
	}
	if err := os.Remove(evidence); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]map[string]any{
		"wrong password":       {"password": "wrong-password"},
		"no authority":         {"ca": ""},
		"another's credential": {"authority": "another.example"},
	} {
		r := analyze(change)
		if r.code != 1 || !strings.Contains(r.err, "error: ") || !strings.Contains(r.err, "hint: ") || strings.Contains(r.err, "-password") {
			t.Errorf("%s: %+v", what, r)
		}
		if _, err := os.Stat(evidence); err == nil {
			t.Errorf("%s: there is an evidence file", what)
		}
	}
}
