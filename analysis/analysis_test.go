package analysis_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/tidepole/tidepole/analysis"
	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/analysis/policy"
	"github.com/tidepole/tidepole/analysis/secrets"
	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/wire"
)

const passwd = "root:x:0:0:root:/root:/bin/sh\n"

// planted is a value that must not be in any evidence.
const planted = "ticket-" + "8472936"

var spec = imagetest.Spec{
	Layers: []imagetest.Layer{
		{
			"etc/os-release":      {Content: "ID=debian\nVERSION_ID=\"12\"\n"},
			"etc/passwd":          {Content: passwd},
			"var/lib/dpkg/status": {Content: "Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:1.2.13-1\n\n"},
			"app/deleted":         {Content: "first line\nkey = " + planted + "\n"},
			"app/replaced":        {Content: planted},
			"app/kept":            {Content: "TODO: one\n\nTODO: two\n"},
			"app/name":            {Hard: "app/kept"},
			"usr/bin/su":          {Content: "x", Mode: 0o4755},
			"link":                {Link: "app"},
			"other":               {Hard: "link/kept"},
		},
		{
			"app/.wh.deleted": {},
			"app/replaced":    {Content: "TODO: three"},
			"etc/motd":        {Link: "../app/replaced"},
		},
	},
	History: []string{"COPY . /", "RUN rm /app/deleted"},
}

func ociDir(t testing.TB, img v1.Image) image.Request {
	t.Helper()
	return image.Request{
		Reference: imagetest.OCIDir(t, map[string]mutate.Appendable{"": img}), Source: "oci-dir", Platform: "linux/amd64",
	}
}

// matchers are a search for secrets and one for content.
func matchers(t testing.TB) (found, contents *secrets.Matcher) {
	t.Helper()
	found, err := secrets.New(secrets.Options{Extra: map[string]string{"ticket": `ticket-[0-9]+`}})
	if err != nil {
		t.Fatal(err)
	}
	if contents, err = secrets.NewPatterns(map[string]string{"todo": `TODO: \w+`}, 0); err != nil {
		t.Fatal(err)
	}
	return found, contents
}

// analyze gives the bundle, and fails the test if anything but the bundle is
// left in the temporary folders.
func analyze(t testing.TB, req analysis.Request, o analysis.Options) *bundle.Bundle {
	t.Helper()
	o.TempDir = t.TempDir()
	system := t.TempDir()
	setTemp(t, system)
	b, err := analysis.Analyze(context.Background(), req, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		wantEmpty(t, o.TempDir, system)
	})
	return b
}

func setTemp(t testing.TB, dir string) {
	t.Helper()
	before, set := os.LookupEnv("TMPDIR")
	if err := os.Setenv("TMPDIR", dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if set {
			os.Setenv("TMPDIR", before)
		} else {
			os.Unsetenv("TMPDIR")
		}
	})
}

func wantEmpty(t testing.TB, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
			if path != dir {
				t.Errorf("left behind: %s", path)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// parts are the bundle's parts as text.
func parts(t testing.TB, b *bundle.Bundle) map[bundle.Kind]string {
	t.Helper()
	all := map[bundle.Kind]string{}
	for _, p := range b.Parts() {
		data, err := b.ReadAll(p.Kind, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		all[p.Kind] = string(data)
	}
	return all
}

func searches(t testing.TB, b *bundle.Bundle, kind bundle.Kind) []bundle.Search {
	t.Helper()
	var all []bundle.Search
	if err := bundle.EachSearch(open(t, b, kind), func(s bundle.Search) error { all = append(all, s); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

func contents(t testing.TB, b *bundle.Bundle) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := bundle.EachFileContent(open(t, b, bundle.FileContents), func(f bundle.FileContent) error {
		data, err := base64.StdEncoding.DecodeString(f.Contents)
		all[f.Location.Path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func open(t testing.TB, b *bundle.Bundle, kind bundle.Kind) io.Reader {
	t.Helper()
	p, ok := b.Part(kind)
	if !ok {
		t.Fatalf("the bundle has no %s", kind)
	}
	r, err := p.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func document(t testing.TB, b *bundle.Bundle) (doc bundle.Document, files map[string]bundle.File) {
	t.Helper()
	files = map[string]bundle.File{}
	doc, err := bundle.ReadDocument(open(t, b, bundle.Packages), bundle.Visitor{
		File: func(f bundle.File) error { files[f.Location.Path] = f; return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return doc, files
}

func TestAnalyze(t *testing.T) {
	img := imagetest.New(t, spec)
	found, todo := matchers(t)
	b := analyze(t, analysis.Request{
		Image: ociDir(t, img), Name: "example.com/app:1.0",
		Dockerfile: []byte("FROM scratch\n"), Annotations: map[string]string{"team": "a"},
	}, analysis.Options{Secrets: found, Content: todo, Retrieve: []string{"/etc/{passwd,motd}", "etc/shadow"}, Version: "0.1"})

	digest, _ := img.Digest()
	id, _ := img.ConfigName()
	if b.Digest != digest.String() || b.ParentDigest != b.Digest || b.ImageID != id.String() || b.Source != "oci-dir" {
		t.Errorf("identity is %+v", b)
	}
	if diff := cmp.Diff([]string{"example.com/app:1.0"}, b.Tags); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"team": "a"}, b.Annotations); diff != "" {
		t.Error(diff)
	}
	got := parts(t, b)
	wantKinds := []bundle.Kind{
		bundle.ContentSearches, bundle.Dockerfile, bundle.FileContents, bundle.ImageConfig, bundle.Manifest, bundle.Packages, bundle.SecretSearches,
	}
	if diff := cmp.Diff(wantKinds, slices.Sorted(maps.Keys(got))); diff != "" {
		t.Error(diff)
	}
	manifest, _ := img.RawManifest()
	config, _ := img.RawConfigFile()
	if got[bundle.Manifest] != string(manifest) || got[bundle.ImageConfig] != string(config) || got[bundle.Dockerfile] != "FROM scratch\n" {
		t.Error("manifest, configuration or Dockerfile are not those of the image")
	}
	for kind, text := range got {
		if strings.Contains(text, planted) {
			t.Errorf("a secret's value stands in %s", kind)
		}
	}

	facts, err := b.Facts()
	if err != nil {
		t.Fatal(err)
	}
	if facts.Distro != "debian" || facts.DistroVersion != "12" || facts.Counts["deb"] != 1 || facts.DockerfileMode != bundle.DockerfileActual {
		t.Errorf("facts are %+v", facts)
	}
	checkSearches(t, b)
	if diff := cmp.Diff(map[string]string{"/etc/passwd": passwd, "/etc/motd": "TODO: three"}, contents(t, b)); diff != "" {
		t.Errorf("retrieved (-want +got):\n%s", diff)
	}
	doc, files := document(t, b)
	if su := files["/usr/bin/su"]; su.UnixMode() != 0o4755 || len(su.SHA256()) != 64 {
		t.Errorf("/usr/bin/su is %+v", su)
	}
	if _, there := files["/app/deleted"]; there {
		t.Error("a deleted file stands in the document")
	}
	if doc.Descriptor.Name != "tidepole" || doc.Descriptor.Version != "0.1" || doc.Source.Name != "example.com/app" || doc.Source.Type != "image" {
		t.Errorf("document is of %+v %+v", doc.Descriptor, doc.Source)
	}
}

// checkSearches wants secrets of all layers, and content of the final image.
func checkSearches(t *testing.T, b *bundle.Bundle) {
	t.Helper()
	facts, err := b.Facts()
	if err != nil {
		t.Fatal(err)
	}
	lower, upper := facts.Layers[0].DiffID, facts.Layers[1].DiffID
	ticket := func(line, offset, seek int64) bundle.Match {
		return bundle.Match{Classification: "ticket", LineNumber: line, LineOffset: offset, SeekPosition: seek, Length: int64(len(planted))}
	}
	want := []bundle.Search{
		{Location: bundle.Location{Path: "/app/deleted", LayerID: lower}, Matches: []bundle.Match{ticket(2, 6, 17)}},
		{Location: bundle.Location{Path: "/app/replaced", LayerID: lower}, Matches: []bundle.Match{ticket(1, 0, 0)}},
	}
	if diff := cmp.Diff(want, searches(t, b, bundle.SecretSearches)); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	todo := func(line, seek, length int64) bundle.Match {
		return bundle.Match{Classification: "todo", LineNumber: line, SeekPosition: seek, Length: length}
	}
	both := []bundle.Match{todo(1, 0, 9), todo(3, 11, 9)}
	want = []bundle.Search{
		{Location: bundle.Location{Path: "/app/kept", LayerID: lower}, Matches: both},
		{Location: bundle.Location{Path: "/app/name", LayerID: lower}, Matches: both},
		{Location: bundle.Location{Path: "/app/replaced", LayerID: upper}, Matches: []bundle.Match{todo(1, 0, 11)}},
		{Location: bundle.Location{Path: "/other", LayerID: lower}, Matches: both},
	}
	if diff := cmp.Diff(want, searches(t, b, bundle.ContentSearches)); diff != "" {
		t.Errorf("content (-want +got):\n%s", diff)
	}
}

func TestNotSearchedIsNotNoneFound(t *testing.T) {
	req := analysis.Request{Image: ociDir(t, imagetest.New(t, imagetest.Spec{Layers: []imagetest.Layer{{"a": {Content: "a"}}}}))}
	found, todo := matchers(t)
	b := analyze(t, req, analysis.Options{Secrets: found, Content: todo})
	for _, kind := range []bundle.Kind{bundle.SecretSearches, bundle.ContentSearches, bundle.FileContents} {
		if text := parts(t, b)[kind]; strings.TrimSpace(text) != "[]" {
			t.Errorf("%s is %q", kind, text)
		}
	}
	doc, _ := document(t, b)
	for _, want := range []string{`"secret_searches"`, `"all-layers"`, found.Fingerprint(), `"content_searches"`, `"squashed"`, `"max_file_size":1048576`, todo.Fingerprint(), `"/etc/passwd"`, "dpkg-db-cataloger"} {
		if !strings.Contains(string(doc.Descriptor.Configuration), want) {
			t.Errorf("the configuration does not say %s", want)
		}
	}
	b = analyze(t, req, analysis.Options{Retrieve: []string{}})
	for _, kind := range []bundle.Kind{bundle.SecretSearches, bundle.ContentSearches, bundle.FileContents, bundle.Dockerfile, bundle.ParentManifest} {
		if _, ok := b.Part(kind); ok {
			t.Errorf("%s is there", kind)
		}
	}
	doc, _ = document(t, b)
	for _, unwanted := range []string{"secret_searches", "content_searches", "file_contents"} {
		if strings.Contains(string(doc.Descriptor.Configuration), unwanted) {
			t.Errorf("the configuration names %s", unwanted)
		}
	}
}

func TestTheSameEvidenceFromEverySource(t *testing.T) {
	img := imagetest.New(t, spec)
	registry := imagetest.NewRegistry(t, imagetest.RegistryOptions{})
	registry.Push(t, "app:1", img)
	found, todo := matchers(t)
	options := analysis.Options{Secrets: found, Content: todo}
	items := map[string]mutate.Appendable{"": img}
	requests := map[string]image.Request{
		"a folder":       ociDir(t, img),
		"the same again": ociDir(t, img),
		"an archive":     {Reference: imagetest.OCIArchive(t, "./", items), Source: "oci-archive"},
		"a registry": {Reference: registry.Host + "/app:1", Source: "registry", Options: image.Options{
			Registry: image.Registry{PlainHTTP: []string{registry.Host}},
		}},
	}
	var want map[bundle.Kind]string
	for _, name := range slices.Sorted(maps.Keys(requests)) {
		req := requests[name]
		req.Platform = "linux/amd64"
		b := analyze(t, analysis.Request{Image: req, Name: "example.com/app:1"}, options)
		got := parts(t, b)
		if want == nil {
			want = got
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%.3000s", name, diff)
		}
	}
}

func TestSearchesAreSortedAndSayWhatIsLeftOut(t *testing.T) {
	const layers = 12
	var s imagetest.Spec
	for i := range layers {
		s.Layers = append(s.Layers, imagetest.Layer{
			"many": {Content: strings.Repeat(planted+"\n", 1000+i)},
			"one":  {Content: strings.Repeat("\n", i) + planted},
		})
	}
	found, _ := matchers(t)
	b := analyze(t, analysis.Request{Image: ociDir(t, imagetest.New(t, s))}, analysis.Options{Secrets: found})
	facts, err := b.Facts()
	if err != nil {
		t.Fatal(err)
	}
	var want []bundle.Location
	for _, path := range []string{"/many", "/one"} {
		for _, l := range facts.Layers {
			want = append(want, bundle.Location{Path: path, LayerID: l.DiffID})
		}
	}
	var got []bundle.Location
	for _, s := range searches(t, b, bundle.SecretSearches) {
		got = append(got, s.Location)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if facts.Gaps != layers {
		t.Errorf("%d gaps, want %d", facts.Gaps, layers)
	}
	_, files := document(t, b)
	if gaps := files["/many"].Unknowns; len(gaps) != 1 || !strings.HasPrefix(gaps[0], "secret search: too many matches of ticket") {
		t.Errorf("gaps are %q", gaps)
	}
}

// TestWhatASearchLeavesOut is about files that could not be searched in full:
// they count as gaps even where nothing was found.
func TestWhatASearchLeavesOut(t *testing.T) {
	img := imagetest.New(t, imagetest.Spec{Layers: []imagetest.Layer{{
		"a/bomb.gz":   {Content: zipped(strings.Repeat("\n", 2<<20))},
		"a/cut.gz":    {Content: zipped("some text\n")[:20]},
		"a/whole.gz":  {Content: zipped("some text\n")},
		"a/large":     {Content: strings.Repeat("\n", 2<<20)},
		"a/image.png": {Content: "\x89PNG"},
		"link":        {Link: "a"},
		"second.gz":   {Hard: "link/cut.gz"},
	}}})
	found, contents := matchers(t)
	b := analyze(t, analysis.Request{Image: ociDir(t, img)}, analysis.Options{Secrets: found, Content: contents})
	_, files := document(t, b)
	got := map[string][]string{}
	for path, f := range files {
		if len(f.Unknowns) > 0 {
			got[path] = f.Unknowns
		}
	}
	const damaged = "gzip is damaged: what comes after the damage is left out"
	want := map[string][]string{
		"/a/cut.gz": {"content search: " + damaged, "secret search: " + damaged},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
}

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	z.Close()
	return b.String()
}

func TestParentManifest(t *testing.T) {
	index := imagetest.Index(t, spec, imagetest.Spec{Platform: "linux/arm64"})
	req := image.Request{Reference: imagetest.OCIDir(t, map[string]mutate.Appendable{"": index}), Source: "oci-dir", Platform: "linux/arm64"}
	b := analyze(t, analysis.Request{Image: req}, analysis.Options{})
	digest, _ := index.Digest()
	raw, _ := index.RawManifest()
	if b.ParentDigest != digest.String() || b.ParentDigest == b.Digest || parts(t, b)[bundle.ParentManifest] != string(raw) {
		t.Errorf("parent is %s, want %s", b.ParentDigest, digest)
	}
}

func TestRetrieveLimits(t *testing.T) {
	layer := imagetest.Layer{
		"big": {Content: strings.Repeat("x", 11)}, "fits": {Content: strings.Repeat("x", 10)}, "d": {Dir: true}, "dead": {Link: "nowhere"},
		"loop": {Link: "loop"}, "real/f": {Content: "f"}, "via": {Link: "real"}, "hard": {Hard: "fits"},
	}
	req := analysis.Request{Image: ociDir(t, imagetest.New(t, imagetest.Spec{Layers: []imagetest.Layer{layer}}))}
	b := analyze(t, req, analysis.Options{Retrieve: []string{"/*", "/via/f"}, RetrieveMaxSize: 10})
	want := map[string]string{"/fits": strings.Repeat("x", 10), "/hard": strings.Repeat("x", 10), "/via/f": "f"}
	if diff := cmp.Diff(want, contents(t, b)); diff != "" {
		t.Errorf("retrieved (-want +got):\n%s", diff)
	}
	_, files := document(t, b)
	if diff := cmp.Diff([]string{"retrieve: 11 bytes are more than the limit leaves (10)"}, files["/big"].Unknowns); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
}

// keeper is an importer that keeps what it is given.
type keeper struct {
	digest string
	parts  map[bundle.Kind]string
	o      wire.AddOptions
}

func (k *keeper) Import(_ context.Context, b *bundle.Bundle, o wire.AddOptions) (wire.Receipt, error) {
	k.digest, k.o, k.parts = b.Digest, o, map[bundle.Kind]string{}
	for _, p := range b.Parts() {
		data, err := b.ReadAll(p.Kind, 1<<30)
		if err != nil {
			return wire.Receipt{}, err
		}
		k.parts[p.Kind] = string(data)
	}
	return wire.Receipt{Image: wire.Image{Digest: b.Digest}}, nil
}

func TestAdd(t *testing.T) {
	var to keeper
	dir := t.TempDir()
	receipt, err := analysis.Add(t.Context(), analysis.Request{Image: ociDir(t, imagetest.New(t, spec))},
		analysis.Options{TempDir: dir}, &to, wire.AddOptions{Force: true})
	if err != nil {
		t.Fatal(err)
	}
	if receipt.Image.Digest != to.digest || !to.o.Force || len(to.parts[bundle.Packages]) == 0 {
		t.Errorf("receipt is %+v, imported %+v", receipt, to.o)
	}
	wantEmpty(t, dir)
}

func TestAssessWithoutDatabase(t *testing.T) {
	b := analyze(t, analysis.Request{Image: ociDir(t, imagetest.New(t, spec)), Name: "example.com/app:1"}, analysis.Options{})
	r, err := analysis.Assess(t.Context(), b, nil, policy.Default(), b.Tags[0])
	if err != nil {
		t.Fatal(err)
	}
	if r.Matches.Database.Present || r.Matches.Database.Error == "" || r.Evidence != b.Evidence() || r.Image.Digest != b.Digest {
		t.Errorf("report is %+v", r)
	}
	if r.Evaluation == nil || r.Evaluation.Tag != "example.com/app:1" || !r.Evaluation.Undecided() {
		t.Errorf("evaluation is %+v", r.Evaluation)
	}
}
