package bundle_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
)

const document = `{
 "artifacts": [
  {"id":"1","name":"openssl","version":"3.0.15-1","type":"deb","foundBy":"dpkg","locations":[{"path":"/var/lib/dpkg/status","layerID":"sha256:aa"}],
   "licenses":["MIT",{"value":"Apache-2.0","spdxExpression":"Apache-2.0"}],"language":"","cpes":["cpe:2.3:a:x",{"cpe":"cpe:2.3:a:y","source":"nvd"}],"purl":"pkg:deb/debian/openssl@3.0.15-1"},
  {"id":"2","name":"left-pad","version":"1.3.0","type":"npm","locations":[],"licenses":[],"language":"javascript","cpes":[],"purl":""}
 ],
 "artifactRelationships":[{"parent":"1","child":"2","type":"contains"}],
 "files":[
  {"id":"f1","location":{"path":"/usr/bin/su","layerID":"sha256:aa"},"metadata":{"mode":40000755,"type":"RegularFile","userID":0,"groupID":0,"mimeType":"application/x-elf","size":7},"digests":[{"algorithm":"sha256","value":"ab"}]},
  {"id":"f2","location":{"path":"/bad"},"unknowns":["could not be read"]}
 ],
 "source":{"id":"s","name":"demo","type":"image"},
 "distro":{"id":"debian","versionID":"12","idLike":"linux"},
 "descriptor":{"name":"syft","version":"1"},
 "future":{"a":[1,2,{"b":null}]},
 "schema":{"version":"16","url":"u"}
}`

const config = `{"os":"linux","architecture":"amd64","config":{"User":"app","ExposedPorts":{"8080/tcp":{},"22/tcp":{}},"Env":["A=b"],"Healthcheck":{"Test":["CMD","true"]}},
 "rootfs":{"diff_ids":["sha256:aa","sha256:bb"]},
 "history":[
  {"created_by":"/bin/sh -c #(nop) ADD file:1 in / "},
  {"created_by":"/bin/sh -c apt-get update"},
  {"created_by":"|1 A=b /bin/sh -c make"},
  {"created_by":"RUN /bin/sh -c npm ci # buildkit"},
  {"created_by":"EXPOSE map[8080/tcp:{}]","empty_layer":true},
  {"created_by":"evil\nUSER root"},
  {"comment":"imported"}
 ]}`

const manifest = `{"layers":[{"digest":"sha256:11","size":100,"mediaType":"t"},{"digest":"sha256:22","size":23}]}`

func sample(t *testing.T) *bundle.Bundle {
	t.Helper()
	b, err := bundle.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	b.Digest = "sha256:" + strings.Repeat("ab", 32)
	b.ParentDigest, b.ImageID = b.Digest, "sha256:"+strings.Repeat("cd", 32)
	b.Tags, b.Annotations, b.Source = []string{"docker.io/demo:1"}, map[string]string{"team": "a"}, "registry"
	for kind, text := range map[bundle.Kind]string{bundle.Packages: document, bundle.ImageConfig: config, bundle.Manifest: manifest} {
		if err := b.WriteBytes(kind, "application/json", []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func TestFactsSayWhatThePartsSay(t *testing.T) {
	got, err := sample(t).Facts()
	if err != nil {
		t.Fatal(err)
	}
	want := bundle.Facts{
		OS: "linux", Arch: "amd64", Distro: "debian", DistroVersion: "12", DistroLike: []string{"linux"},
		Size:   123,
		Layers: []bundle.Layer{{Digest: "sha256:11", DiffID: "sha256:aa", Size: 100, MediaType: "t"}, {Digest: "sha256:22", DiffID: "sha256:bb", Size: 23}},
		Dockerfile: "FROM scratch\nADD file:1 in /\nRUN apt-get update\nRUN make\nRUN npm ci\n" +
			"EXPOSE map[8080/tcp:{}]\nRUN evil USER root\n",
		DockerfileMode: bundle.DockerfileGuessed,
		User:           "app", ExposedPorts: []string{"22/tcp", "8080/tcp"}, Env: []string{"A=b"}, Healthcheck: []string{"CMD", "true"},
		Counts: map[string]int{"deb": 1, "npm": 1}, Files: 2, Gaps: 1,
	}
	got.Document, got.History = bundle.Document{}, nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestGivenDockerfileIsActual(t *testing.T) {
	b := sample(t)
	if err := b.WriteBytes(bundle.Dockerfile, "text/plain", []byte("FROM x\n")); err != nil {
		t.Fatal(err)
	}
	f, err := b.Facts()
	if err != nil || f.DockerfileMode != bundle.DockerfileActual || f.Dockerfile != "FROM x\n" {
		t.Errorf("got %q %q, %v", f.DockerfileMode, f.Dockerfile, err)
	}
}

func TestDocumentUnderstandsOldAndNewShapes(t *testing.T) {
	var packages []bundle.Package
	var files []bundle.File
	_, err := bundle.ReadDocument(strings.NewReader(document), bundle.Visitor{
		Package: func(p bundle.Package) error { packages = append(packages, p); return nil },
		File:    func(f bundle.File) error { files = append(files, f); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]bundle.License{{Value: "MIT"}, {Value: "Apache-2.0", SPDXExpression: "Apache-2.0"}}, packages[0].Licenses); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]bundle.CPE{{Value: "cpe:2.3:a:x"}, {Value: "cpe:2.3:a:y", Source: "nvd"}}, packages[0].CPEs); diff != "" {
		t.Error(diff)
	}
	if got := files[0].Mode(); got != fs.ModeSetuid|0o755 || files[0].UnixMode() != 0o4755 || files[0].SHA256() != "ab" {
		t.Errorf("setuid file has mode %v, %o, digest %q", got, files[0].UnixMode(), files[0].SHA256())
	}
}

func TestDocumentRefusesWhatIsNotOne(t *testing.T) {
	for name, text := range map[string]string{
		"empty":          "",
		"a list":         "[]",
		"cut short":      document[:200],
		"no artifacts":   `{"bomFormat":"CycloneDX"}`,
		"a key twice":    `{"artifacts":[],"artifacts":[]}`,
		"wrong type":     `{"artifacts":{}}`,
		"deep nesting":   `{"x":` + strings.Repeat("[", 20000),
		"artifact's end": `{"artifacts":[{"name":"a"}`,
	} {
		if _, err := bundle.ReadDocument(strings.NewReader(text), bundle.Visitor{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestDocumentWithAHugeElementIsRefused(t *testing.T) {
	huge := io.MultiReader(strings.NewReader(`{"artifacts":[{"name":"`), io.LimitReader(endless{}, 100<<20), strings.NewReader(`"}]}`))
	if _, err := bundle.ReadDocument(huge, bundle.Visitor{}); fault.Of(err) != fault.TooLarge {
		t.Errorf("got %v", err)
	}
	many := `{"artifacts":[` + strings.Repeat(`{"name":"`+strings.Repeat("a", 1<<20)+`"},`, 100) + `{}]}`
	if _, err := bundle.ReadDocument(strings.NewReader(many), bundle.Visitor{}); err != nil {
		t.Errorf("many elements of a good size: %v", err)
	}
	huge = io.MultiReader(strings.NewReader(`[{"contents":"`), io.LimitReader(endless{}, 100<<20), strings.NewReader(`"}]`))
	if err := bundle.EachFileContent(huge, func(bundle.FileContent) error { return nil }); fault.Of(err) != fault.TooLarge {
		t.Errorf("a huge file: %v", err)
	}
}

func TestSearchesThatCarryValuesAreRefused(t *testing.T) {
	const place = `"location":{"path":"/a","layerID":"sha256:aa"}`
	for text, want := range map[string]fault.Kind{
		`[{` + place + `,"content_searches":[{"classification":"key","line_number":1,"length":3,"value":"hush"}]}]`: fault.Invalid,
		`[{` + place + `,"content_searches":[{"classification":"key","matches":["hush"]}]}]`:                        fault.Invalid,
		`[{` + place + `,"content_searches":[{"classification":"key","extra":{"text":"hush"}}]}]`:                   fault.Invalid,
		`[{` + place + `,"content_searches":[{"classification":"key","line_number":1,"entropy":4.5,"value":""}]}]`:  -1,
		`[{` + place + `,"content_searches":[]}]`:                                                                   -1,
		`[]`:      -1,
		`no JSON`: -1,
	} {
		err := bundle.CheckSearches(strings.NewReader(text))
		if want < 0 && err != nil || want >= 0 && (fault.Of(err) != want || err == nil || strings.Contains(err.Error(), "hush")) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

func TestFileReadsBackWhatWasWritten(t *testing.T) {
	b := sample(t)
	var file, again bytes.Buffer
	for _, w := range []*bytes.Buffer{&file, &again} {
		if err := bundle.WriteFile(w, b); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(file.Bytes(), again.Bytes()) {
		t.Error("two files of one bundle differ")
	}
	dir := t.TempDir()
	got, err := bundle.ReadFile(&file, dir, bundle.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Evidence() != b.Evidence() || got.Digest != b.Digest || got.ImageID != b.ImageID || got.Source != b.Source {
		t.Errorf("read %+v, wrote %+v", got, b)
	}
	if diff := cmp.Diff(b.Tags, got.Tags) + cmp.Diff(b.Annotations, got.Annotations); diff != "" {
		t.Error(diff)
	}
	if err := got.Close(); err != nil {
		t.Fatal(err)
	}
	empty(t, dir)
}

func TestFileRefusesDamageAndLeavesNothing(t *testing.T) {
	var file bytes.Buffer
	if err := bundle.WriteFile(&file, sample(t)); err != nil {
		t.Fatal(err)
	}
	whole := file.Bytes()
	for name, c := range map[string]struct {
		data   []byte
		limits bundle.Limits
		kind   fault.Kind
	}{
		"empty":       {nil, bundle.Limits{}, fault.Invalid},
		"text":        {[]byte("hello"), bundle.Limits{}, fault.Invalid},
		"cut short":   {whole[:len(whole)-200], bundle.Limits{}, fault.Invalid},
		"over limits": {whole, bundle.Limits{PartBytes: 10}, fault.TooLarge},
	} {
		dir := t.TempDir()
		_, err := bundle.ReadFile(bytes.NewReader(c.data), dir, c.limits)
		if err == nil || fault.Of(err) != c.kind || fault.Hint(err) == "" && c.kind == fault.Invalid {
			t.Errorf("%s: %v is %v, hint %q", name, err, fault.Of(err), fault.Hint(err))
		}
		empty(t, dir)
	}
}

// emptying removes what is in a folder once so many bytes were read.
type emptying struct {
	io.Reader
	dir  string
	left int
}

func (e *emptying) Read(p []byte) (int, error) {
	n, err := e.Reader.Read(p)
	if e.left -= n; e.left <= 0 {
		names, _ := filepath.Glob(filepath.Join(e.dir, "*"))
		for _, name := range names {
			os.RemoveAll(name)
		}
	}
	return n, err
}

func TestFileThatCannotBeKeptIsNotCalledDamaged(t *testing.T) {
	b := sample(t)
	noise := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{}).Read(noise)
	if err := errors.Join(b.WriteBytes(bundle.ImageConfig, "", noise), b.WriteBytes(bundle.Packages, "", noise)); err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	if err := bundle.WriteFile(&file, b); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	_, err := bundle.ReadFile(&emptying{&file, dir, file.Len() / 3}, dir, bundle.Limits{})
	if err == nil || fault.Of(err) == fault.Invalid || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func empty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func FuzzReadFile(f *testing.F) {
	b, err := bundle.New(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	b.Digest = "sha256:" + strings.Repeat("ab", 32)
	for _, k := range bundle.Required {
		b.WriteBytes(k, "application/json", []byte(`{"artifacts":[]}`))
	}
	var file bytes.Buffer
	bundle.WriteFile(&file, b)
	f.Add(file.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		got, err := bundle.ReadFile(bytes.NewReader(data), dir, bundle.Limits{PartBytes: 1 << 20})
		if err == nil {
			got.Close()
		}
		empty(t, dir)
	})
}

func FuzzReadDocument(f *testing.F) {
	f.Add([]byte(document))
	f.Fuzz(func(t *testing.T, data []byte) {
		visited := 0
		bundle.ReadDocument(bytes.NewReader(data), bundle.Visitor{
			Package:      func(bundle.Package) error { visited++; return nil },
			File:         func(file bundle.File) error { visited++; file.UnixMode(); return nil },
			Relationship: func(bundle.Relationship) error { visited++; return nil },
		})
		if visited > len(data) {
			t.Errorf("%d elements in %d bytes", visited, len(data))
		}
	})
}

func TestOpenedFileIsTheBundle(t *testing.T) {
	b := sample(t)
	if err := b.WriteBytes(bundle.FileContents, "application/json", bytes.Repeat([]byte("[]\n"), 100_000)); err != nil {
		t.Fatal(err)
	}
	var file, again bytes.Buffer
	if err := errors.Join(bundle.WriteFile(&file, b), bundle.WriteFile(&again, b)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(file.Bytes(), again.Bytes()) {
		t.Error("the same bundle gave two files")
	}
	opened, err := bundle.OpenFile(inMemory{bytes.NewReader(file.Bytes())}, int64(file.Len()))
	if err != nil {
		t.Fatal(err)
	}
	read, err := bundle.ReadFile(&file, t.TempDir(), bundle.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	for _, got := range []*bundle.Bundle{opened, read} {
		var copied bytes.Buffer
		if err := bundle.WriteFile(&copied, got); err != nil || !bytes.Equal(copied.Bytes(), again.Bytes()) {
			t.Errorf("it is not the same file once more: %v", err)
		}
		for _, p := range b.Parts() {
			want, _ := b.ReadAll(p.Kind, 1<<30)
			if have, err := got.ReadAll(p.Kind, 1<<30); err != nil || !bytes.Equal(have, want) {
				t.Errorf("%s: %d bytes for %d: %v", p.Kind, len(have), len(want), err)
			}
		}
	}
}

func TestOpenedFileIsChecked(t *testing.T) {
	var file bytes.Buffer
	if err := bundle.WriteFile(&file, sample(t)); err != nil {
		t.Fatal(err)
	}
	for at := range file.Len() {
		broken := bytes.Clone(file.Bytes())
		broken[at] ^= 0x40
		if _, err := bundle.OpenFile(inMemory{bytes.NewReader(broken)}, int64(len(broken))); err == nil {
			t.Fatalf("byte %d was changed, and nobody saw it", at)
		}
		if _, err := bundle.OpenFile(inMemory{bytes.NewReader(broken[:at])}, int64(at)); err == nil {
			t.Fatalf("cut to %d bytes, it opens", at)
		}
	}
}

type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

func FuzzOpenFile(f *testing.F) {
	var file bytes.Buffer
	b, err := bundle.New(f.TempDir())
	if err != nil {
		f.Fatal(err)
	}
	defer b.Close()
	b.Digest = "sha256:" + strings.Repeat("ab", 32)
	if err := errors.Join(b.WriteBytes(bundle.Manifest, "application/json", []byte(manifest)), bundle.WriteFile(&file, b)); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := bundle.OpenFile(inMemory{bytes.NewReader(data)}, int64(len(data)))
		if err != nil {
			return
		}
		defer b.Close()
		for _, p := range b.Parts() {
			_, _ = b.ReadAll(p.Kind, 1<<20)
		}
	})
}
