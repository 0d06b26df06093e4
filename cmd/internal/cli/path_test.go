package cli_test

import (
	"archive/tar"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/wire"
)

// The main path: everything that a person does with one image.
func TestImageFromAddToDelete(t *testing.T) {
	dir := small(t)
	s := newShell(t).serve()
	s.ok("vulndb", "import", database(t, time.Hour))

	out := s.ok("image", "add", "example.com/app:1", "--from", "oci-dir:"+dir, "--wait", "--annotation", "owner=me", "--annotation", "a_b=c")
	digest := match(t, out, `(?m)^Digest: (sha256:[0-9a-f]{64})$`)
	for _, want := range []string{"Status: analyzed (active)\n", "Tag: example.com/app:1\n", "Distro: debian@12 (amd64)\n", "Layers: 1\n", "Annotation: owner=me\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}

	t.Run("named by tag, digest and id", func(t *testing.T) {
		var image wire.Image
		decode(t, s.ok("image", "get", "example.com/app:1", "-o", "json-raw"), &image)
		for _, name := range []string{digest, image.Detail[0].ImageID, "example.com/app@" + digest} {
			if got := s.ok("image", "get", name, "-o", "id"); got != digest+"\n" {
				t.Errorf("image get %s is %q", name, got)
			}
		}
		s.fails(1, []string{"example.com/other:1", "hint: "}, "image", "get", "example.com/other:1")
	})
	t.Run("keys as in imageDigest", func(t *testing.T) {
		var image map[string]any
		decode(t, s.ok("image", "get", digest, "-o", "json"), &image)
		if image["imageDigest"] != digest {
			t.Errorf("imageDigest is %v", image["imageDigest"])
		}
		annotations, _ := image["annotations"].(map[string]any)
		if annotations["a_b"] != "c" {
			t.Errorf("annotations are %v", annotations)
		}
	})
	t.Run("list", func(t *testing.T) {
		if got := s.ok("image", "list", "-o", "id"); got != digest+"\n" {
			t.Errorf("ids: %q", got)
		}
		lines := strings.Split(s.ok("image", "list"), "\n")
		want := []string{"TAG", "DIGEST", "ANALYSIS", "STATUS", "ADDED"}
		if diff := cmp.Diff(want, strings.Fields(lines[0])); diff != "" {
			t.Errorf("heading (-want +got):\n%s", diff)
		}
		if f := strings.Fields(lines[1]); f[0] != "example.com/app:1" || f[1] != digest || f[2] != "analyzed" {
			t.Errorf("row %q", lines[1])
		}
		if got := s.ok("image", "list", "-s", "analysis-failed", "-o", "json-raw"); !strings.Contains(got, `"items": []`) {
			t.Errorf("failed images: %s", got)
		}
	})
	t.Run("content", func(t *testing.T) {
		if got := s.ok("image", "content", digest, "-t", "npm"); !strings.Contains(got, "lodash") {
			t.Errorf("npm packages:\n%s", got)
		}
		if got := s.ok("image", "content", digest, "-t", "all"); !strings.Contains(got, "lodash") {
			t.Errorf("all packages:\n%s", got)
		}
		var files wire.Content[wire.File]
		decode(t, s.ok("image", "content", digest, "-t", "files", "-o", "json-raw"), &files)
		if files.ContentType != "files" || len(files.Content) < 4 {
			t.Errorf("files: %+v", files)
		}
		text := s.ok("image", "content", digest, "-t", "files")
		if !strings.Contains(text, "04755") || !strings.Contains(text, `/usr/bin/su\x1b[31m`) || strings.Contains(text, "\x1b") {
			t.Errorf("files:\n%q", text)
		}
		if got := s.ok("image", "content", digest, "-t", "secret_search", "-o", "json-raw"); !strings.HasPrefix(got, "[") {
			t.Errorf("secrets: %s", got)
		}
		if got := s.ok("image", "content", digest); !strings.Contains(got, "retrieved_files\n") {
			t.Errorf("types:\n%s", got)
		}
	})
	t.Run("retrieved files as an archive", func(t *testing.T) {
		name := filepath.Join(t.TempDir(), "files.tar")
		s.ok("image", "content", digest, "-t", "retrieved_files", "--file", name)
		if got := untar(t, name)["etc/passwd"]; !strings.HasPrefix(got, "root:x:0") {
			t.Errorf("etc/passwd is %q", got)
		}
		s.fails(1, []string{name, "--overwrite"}, "image", "content", digest, "-t", "retrieved_files", "--file", name)
		s.ok("image", "content", digest, "-t", "retrieved_files", "--file", name, "--overwrite")
	})
	t.Run("metadata", func(t *testing.T) {
		var manifest struct{ Layers []any }
		decode(t, s.ok("image", "metadata", digest, "-t", "manifest"), &manifest)
		if len(manifest.Layers) != 1 {
			t.Errorf("manifest with %d layers", len(manifest.Layers))
		}
		if got := s.ok("image", "metadata", digest); !strings.Contains(got, "docker_history\n") {
			t.Errorf("types:\n%s", got)
		}
	})
	t.Run("sbom", func(t *testing.T) {
		if got := s.ok("image", "sbom", digest, "-o", "cyclonedx-json"); !strings.Contains(got, `"CycloneDX"`) || !json.Valid([]byte(got)) {
			t.Errorf("CycloneDX: %.300s", got)
		}
		s.fails(1, []string{"cyclonedx-json"}, "image", "sbom", digest, "-o", "cyclone")
	})
	t.Run("vulnerabilities", func(t *testing.T) {
		text := s.ok("image", "vulns", digest)
		if !strings.HasPrefix(text, "ID ") || !strings.Contains(text, "lodash") {
			t.Errorf("table:\n%s", text)
		}
		if got := s.ok("image", "vuln", digest, "-t", "os", "-o", "csv"); strings.Contains(got, "lodash") || !strings.HasPrefix(got, "ID,Severity,Package,") {
			t.Errorf("os: %s", got)
		}
		s.fails(1, []string{"non-os"}, "image", "vuln", digest, "-t", "some")
	})
	t.Run("check", func(t *testing.T) {
		out := s.ok("image", "check", "example.com/app:1", "--detail")
		for _, want := range []string{`^Tag: example.com/app:1$`, `^Digest: ` + digest + `$`, `^Policy ID: \S+$`, `^Last Evaluation: 2\S+Z$`,
			`^Evaluation: fail$`, `^Final Action: stop$`, `^Reason: policy_evaluation$`, `^Database: v6\S* built .* old\), \S+$`, `^GATE +TRIGGER +DESCRIPTION +STATUS$`} {
			match(t, out, "(?m)"+want)
		}
		match(t, out, `(?s)GATE.* stop\n.* warn\n`)
		if strings.LastIndex(out, " stop\n") > strings.Index(out, " warn\n") {
			t.Errorf("what fails the image does not come first:\n%s", out)
		}
		match(t, s.ok("image", "check", digest, "-o", "csv"), `^Gate,Trigger,Description,Status,Trigger ID\n`)
		match(t, s.ok("image", "check", digest, "--detail", "-v"), `(?m)^GATE .* TRIGGER ID$`)
		if r := s.run("image", "check", digest, "-f"); r.code != 2 || r.err != "" || !strings.Contains(r.out, "\nEvaluation: fail\n") {
			t.Errorf("-f: %+v", r)
		}
		if r := s.run("image", "check", digest, "-f", "--exit-code", "9"); r.code != 9 {
			t.Errorf("--exit-code 9: %d", r.code)
		}
		if r := s.run("image", "evaluate", digest, "--max-db-age", "30m"); r.code != 3 || !strings.Contains(r.err, "undecided: the vulnerability database is ") {
			t.Errorf("--max-db-age: %+v", r)
		}
		if r := s.run("image", "check", digest, "--max-db-age", "2d"); r.code != 0 {
			t.Errorf("--max-db-age 2d: %+v", r)
		}
	})
	t.Run("added again", func(t *testing.T) {
		r := s.run("image", "add", "example.com/app:1", "--from", "oci-dir:"+dir, "-o", "id")
		if r.code != 0 || r.out != digest+"\n" || !strings.Contains(r.err, "the evidence was left as it is") {
			t.Errorf("%+v", r)
		}
	})
	t.Run("metadata", func(t *testing.T) {
		if got := s.ok("image", "metadata", digest, "-t", "docker_history"); !strings.HasSuffix(got, "]\n") {
			t.Errorf("the history: %q", got)
		}
		if got := s.ok("image", "metadata", digest, "-t", "manifest"); strings.HasSuffix(got, "\n") {
			t.Errorf("the manifest is not as it is stored: %q", got)
		}
	})
	t.Run("deleted", func(t *testing.T) {
		s.fails(1, []string{"--all"}, "image", "delete")
		if r := s.run("image", "delete", "example.com/app:1"); r.code != 1 || !strings.Contains(r.err, "hint: --force") { // it is subscribed to since it was added
			t.Errorf("deleted without force: %+v", r)
		}
		for _, name := range []string{"sha256:" + strings.ToUpper(digest[7:]), "example.com/app@sha256:" + strings.ToUpper(digest[7:])} {
			if got := s.ok("image", "get", name, "-o", "id"); got != digest+"\n" {
				t.Errorf("%s: %s", name, got)
			}
		}
		r := s.run("image", "del", "example.com/other:1", digest, "example.com/another:1", "--force", "-o", "id")
		if r.code != 1 || r.out != digest+"\n" || !strings.Contains(r.err, "example.com/other:1") || !strings.Contains(r.err, "example.com/another:1") {
			t.Errorf("deleted among those that are not there: %+v", r)
		}
		s.fails(1, []string{"hint: "}, "image", "check", "example.com/app:1")
	})
}

func TestEvidenceFileGivesTheSameImage(t *testing.T) {
	dir, file := small(t), filepath.Join(t.TempDir(), "evidence")
	alone := newShell(t)
	out := alone.ok("image", "analyze", dir, "--from", "oci-dir", "-o", file)
	digest := match(t, out, `(?m)^Digest: (sha256:\S+)$`)
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v, %v", info, err)
	}
	s := alone.serve()
	if got := s.ok("import", file, "--wait", "-o", "id"); got != digest+"\n" {
		t.Errorf("imported %q, analysed %q", got, digest)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s.in = string(data)
	if got := s.ok("import", "-", "-o", "id"); got != digest+"\n" {
		t.Errorf("imported %q from standard input", got)
	}
}

func TestSBOMFromStandardInput(t *testing.T) {
	s := newShell(t).serve()
	s.ok("image", "add", "a:1", "--from", "oci-dir:"+small(t), "--wait")
	s.in = s.ok("image", "sbom", "a:1")
	out := s.ok("image", "add", "copy:1", "--from", "-", "--wait")
	match(t, out, `(?m)^Tag: docker.io/copy:1$`)
	if got := s.ok("image", "content", "copy:1", "-t", "npm"); !strings.Contains(got, "lodash") {
		t.Errorf("packages:\n%s", got)
	}
	file := write(t, s.in)
	s.ok("image", "add", "copy:2", "--from", file, "--wait")
	s.in = "{}"
	s.fails(1, []string{"standard input"}, "image", "add", "copy:3", "--from", "-")
}

func TestCheckWithoutServer(t *testing.T) {
	dir := small(t)
	s := newShell(t)
	r := s.run("image", "check", dir, "--local", "--from", "oci-dir", "--require-complete")
	if r.code != 3 || !strings.Contains(r.out, "\nDatabase: no vulnerability database") || !strings.Contains(r.err, "undecided: ") {
		t.Errorf("without a database: %+v", r)
	}
	s.ok("vulndb", "import", "--local", database(t, time.Hour))
	if out := s.ok("vulndb", "status", "--local"); !strings.Contains(out, "Database: present\n") {
		t.Errorf("database: %s", out)
	}
	r = s.run("image", "check", "example.com/app:1", "--local", "--from", "oci-dir:"+dir, "-f", "--detail")
	if r.code != 2 || !strings.Contains(r.out, "Tag: example.com/app:1\n") || !strings.Contains(r.out, "lodash") {
		t.Errorf("with a database: %+v", r)
	}
	s.fails(1, []string{"--local"}, "image", "check", dir, "--local", "--history")
}

func TestNoDatabaseIsNotNoVulnerabilities(t *testing.T) {
	s := newShell(t).serve()
	s.ok("image", "add", "a:1", "--from", "oci-dir:"+small(t), "--wait")
	if out := s.ok("image", "vulnerabilities", "a:1"); !strings.Contains(out, "no vulnerability database") {
		t.Errorf("vulnerabilities: %s", out)
	}
	match(t, s.ok("image", "check", "a:1"), `(?m)^Database: no vulnerability database`)
	if r := s.run("image", "check", "a:1", "--max-db-age", "5d"); r.code != 3 {
		t.Errorf("exit code %d, %s", r.code, r.err)
	}
	match(t, s.ok("vulndb", "status"), `(?m)^Database: no vulnerability database$`)
}

func TestPolicies(t *testing.T) {
	s := newShell(t).serve()
	first := match(t, s.ok("policy", "list", "-o", "id"), `^(\S+)\n$`)
	document := s.ok("policy", "get", first, "--detail")
	document = strings.Replace(document, first, "mine", 1)
	document = strings.Replace(document, `"name": "`, `"name": "my own `, 1)
	added := s.ok("policy", "add", "-i", write(t, document), "-o", "id")
	if added != "mine\n" {
		t.Errorf("added %q", added)
	}
	changed := strings.Replace(document, `"name": "`, `"name": "changed `, 1)
	if changed == document {
		t.Fatalf("the policy has no name: %.300s", document)
	}
	match(t, s.ok("policy", "update", "-i", write(t, changed)), `(?m)^Name: changed `)
	s.ok("policy", "activate", "mine")
	match(t, s.ok("policy", "get", "mine"), `(?m)^Active: true$`)
	match(t, s.ok("policy", "list"), `(?m)^NAME +POLICY ID +ACTIVE +UPDATED$`)
	s.fails(1, []string{"mine"}, "policy", "delete", "mine")
	s.ok("policy", "activate", first)
	s.ok("policy", "delete", "mine")
	s.fails(1, []string{"mine", "policy list"}, "policy", "get", "mine")
	s.fails(1, []string{"nothing-of-the-kind"}, "policy", "add", "-i",
		write(t, strings.Replace(document, `"gate": "vulnerabilities"`, `"gate": "nothing-of-the-kind"`, 1)))
	if out := s.ok("policy", "gates"); !strings.Contains(out, "vulnerabilities ") || strings.Contains(out, "anchoresec") {
		t.Errorf("gates:\n%s", out)
	}
	s.fails(1, []string{"no gate"}, "policy", "gates", "none")
}

// A policy that judges nothing is told apart from one that an image passes.
func TestPolicyThatJudgesNothing(t *testing.T) {
	s := newShell(t).serve()
	s.ok("image", "add", "a:1", "--from", "oci-dir:"+small(t), "--wait")
	r := s.run("policy", "add", "-i", write(t, `{"id": "idle", "name": "idle", "version": "2", "rule_sets": [], "mappings": []}`))
	if r.code != 0 || !strings.Contains(r.err, "warning: policy idle: it has no mappings") {
		t.Errorf("added: exit code %d, %s", r.code, r.err)
	}
	match(t, s.ok("image", "check", "a:1", "-p", "idle", "-f"), `(?m)^Problem: warn: not_judged: no mapping of the policy matches this image: nothing was judged$`)
	if r := s.run("image", "check", "a:1", "-p", "idle", "-f", "--require-complete"); r.code != 3 || !strings.Contains(r.err, "nothing was judged") {
		t.Errorf("checked: exit code %d, %s", r.code, r.err)
	}
}

func TestSystem(t *testing.T) {
	s := newShell(t).serve()
	match(t, s.ok("system", "wait"), `(?m)^Status: up$`)
	match(t, s.ok("system", "status"), `(?m)^Version: 1.2.3$`)
	s.with("TIDEPOLE_PASSWORD=wrong").fails(1, []string{"TIDEPOLE_PASSWORD"}, "system", "wait")
	s.with("TIDEPOLE_URL=http://127.0.0.1:1").fails(4, []string{"127.0.0.1:1"}, "system", "wait", "--timeout", "300ms")
}

func match(t *testing.T, text, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("%s does not match\n%s", pattern, text)
	}
	return m[len(m)-1]
}

func decode(t *testing.T, text string, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		t.Fatalf("%v in %.500s", err, text)
	}
}

func untar(t *testing.T, name string) map[string]string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	files := map[string]string{}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		data, readErr := io.ReadAll(r)
		if err != nil || readErr != nil {
			t.Fatal(err, readErr)
		}
		files[h.Name] = string(data)
	}
}
