package importserver_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

// upload sends all parts of a bundle under an operation, by several encodings.
func (r *running) upload(operation string, b *bundle.Bundle) map[string]string {
	r.t.Helper()
	contents := map[string]string{}
	for n, p := range b.Parts() {
		body, err := p.Open()
		if err != nil {
			r.t.Fatal(err)
		}
		data, err := io.ReadAll(body)
		body.Close()
		if err != nil {
			r.t.Fatal(err)
		}
		encoding := []string{"", "gzip", "zstd"}[n%3]
		path := wire.Path(wire.RoutePart, operation, wire.PartName(string(p.Kind)))
		resp, text := r.request("POST", path, bytes.NewReader(pack(r.t, encoding, data)), func(req *http.Request) {
			req.Header.Set("Content-Encoding", encoding)
			req.Header.Set("Content-Type", p.MediaType)
		})
		want := strings.TrimPrefix(p.Digest, "sha256:")
		if resp.StatusCode != 200 || !strings.Contains(text, `"digest":"`+want+`"`) {
			r.t.Fatalf("upload %s (%q): %d %s, want digest %s", p.Kind, encoding, resp.StatusCode, text, want)
		}
		contents[string(p.Kind)] = want
	}
	return contents
}

func pack(t *testing.T, encoding string, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	switch encoding {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "zstd":
		z, err := zstd.NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		w = z
	default:
		return data
	}
	w.Write(data)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// importOver imports a bundle over HTTP and gives the answer's header.
func (r *running) importOver(b *bundle.Bundle, query string) (wire.Image, http.Header) {
	r.t.Helper()
	var op wire.Operation
	r.call("POST", wire.RouteOperations, "", &op)
	var i wire.Image
	resp := r.call("POST", wire.RouteImages+query, finaliseBody(r.t, op.UUID, b, r.upload(op.UUID, b)), &i)
	return i, resp.Header
}

func finaliseBody(t *testing.T, operation string, b *bundle.Bundle, contents map[string]string) string {
	t.Helper()
	return toJSON(t, wire.ImageRequest{ImageType: "docker", Annotations: b.Annotations, Source: wire.ImageSource{Import: &wire.ImportSource{
		Operation: operation, Digest: b.Digest, ParentDigest: b.ParentDigest, LocalImageID: b.ImageID, Tags: b.Tags, Contents: contents,
	}}})
}

func TestImportIsAssessedAndReadBack(t *testing.T) {
	e := &engine{}
	r := start(t, e, options(t.TempDir()))
	if _, err := r.ImportDatabase(t.Context(), strings.NewReader("one"), "one.tar", ""); err != nil {
		t.Fatal(err)
	}
	b := newBundle(t, image{digest: digestOf(1), tags: []string{"alpine:3"}})
	i, header := r.importOver(b, "")
	if header.Get(wire.KnownHeader) != "" || i.Origin != "client" || i.Digest != b.Digest {
		t.Errorf("import answered %+v, %q", i, header.Get(wire.KnownHeader))
	}
	i = r.await(b.Digest, wire.Analyzed)
	var steps []string
	for _, s := range i.StatusDetail {
		steps = append(steps, s.From+">"+s.To)
	}
	if diff := cmp.Diff([]string{">not_analyzed", "not_analyzed>analyzing", "analyzing>analyzed"}, steps); diff != "" {
		t.Error(diff)
	}
	m := i.Content.Metadata
	if *m.Arch != "amd64" || *m.Distro != "debian" || *m.DistroVersion != "12" || *m.ImageSize != 1000 || *m.LayerCount != 1 || *m.DockerfileMode != "Actual" || i.Gaps != 1 {
		t.Errorf("facts: %s", toJSON(t, i))
	}
	if i.Detail[0].FullTag != "docker.io/alpine:3" || i.Detail[0].Dockerfile == nil {
		t.Errorf("names: %s", toJSON(t, i.Detail))
	}
	r.readBack(b.Digest)
}

// readBack looks at every answer about an image, over HTTP.
func (r *running) readBack(digest string) {
	r.t.Helper()
	get := func(route string, values ...string) string {
		r.t.Helper()
		resp, text := r.request("GET", wire.Path(route, append([]string{digest}, values...)...), nil, nil)
		if resp.StatusCode != 200 {
			r.t.Fatalf("%s: %d %s", route, resp.StatusCode, text)
		}
		return strings.TrimSpace(text)
	}
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for name, test := range map[string]struct{ got, want string }{
		"content types":   {get(wire.RouteContentTypes), `["files","npm","os","retrieved_files","secret_search"]`},
		"os packages":     {get(wire.RouteContent, "os"), `"package":"openssl","version":"3.0.1-1","type":"dpkg","size":"2048","origin":"Debian","licenses":["Apache-2.0"]`},
		"npm packages":    {get(wire.RouteContent, "npm"), `"package":"left-pad","version":"1.0.0","type":"NPM","size":"N/A","origin":"Unknown","licenses":["Unknown"]`},
		"no gems":         {get(wire.RouteContent, "gem"), `"content":[]`},
		"setuid file":     {get(wire.RouteContent, "files"), `{"filename":"/bin/su","type":"file","mode":"04755","uid":0,"gid":0,"size":123,"linkdest":null,"sha256":"ab","mime_type":"application/x-elf","layer_id":"sha256:aa"}`},
		"link":            {get(wire.RouteContent, "files"), `{"filename":"/bin/sh","type":"slink","mode":"00777","uid":0,"gid":0,"size":4,"linkdest":"dash","sha256":null,"layer_id":"sha256:aa","gaps":["cannot be read"]}`},
		"secret":          {get(wire.RouteSecretSearch), `[{"path":"/etc/key","matches":[{"name":"pem-private-key","regex":"pem-private-key","lines":[2],"places":[{"layer_id":"sha256:aa","line":3,"column":1,"offset":40,"length":9}]}]}]`},
		"retrieved file":  {get(wire.RouteRetrievedFiles), "[{\"path\":\"/etc/passwd\",\"b64_content\":\"cm9vdA==\"}]"},
		"metadata types":  {get(wire.RouteMetadataList), `["config","docker_history","dockerfile","manifest"]`},
		"dockerfile":      {get(wire.RouteMetadata, "dockerfile"), b64("FROM scratch\n")},
		"history":         {get(wire.RouteMetadata, "docker_history"), b64(`[{"created_by":"CMD sh"}]`)},
		"native SBOM":     {get(wire.RouteSBOM, "native-json"), strings.TrimSpace(document)},
		"SPDX":            {get(wire.RouteSBOM, "spdx-json"), fmt.Sprintf(`{"text":"spdx-json of %d bytes"}`, len(document))},
		"vulnerabilities": {get(wire.RouteVuln, "all"), `"vuln":"CVE-1 by sha256:one","severity":"High","fix":"3.0.2-1"`},
		"database":        {get(wire.RouteVuln, "os"), `"database":{"present":true,"digest":"sha256:one","source":"one.tar"}`},
		"none of non-os":  {get(wire.RouteVuln, "non-os"), `"vulnerabilities":[]`},
		"verdict":         {get(wire.RouteCheck + "?tag=alpine:3"), `"final_action":"stop"`},
	} {
		if !strings.Contains(test.got, test.want) {
			r.t.Errorf("%s: %s\nlacks %s", name, test.got, test.want)
		}
	}
}

func TestOnlyWhatIsThereIsListed(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	b, err := bundle.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	b.Digest, b.Tags = digestOf(1), []string{"a:1"}
	packages, _, _ := strings.Cut(document, ` "files": [`)
	for kind, text := range map[bundle.Kind]string{
		bundle.Packages: packages + `"source":{"type":"image"},"descriptor":{"name":"syft"},"schema":{"version":"16"}}`,
		bundle.Manifest: `{"schemaVersion":2}`, bundle.ImageConfig: `{"os":"linux"}`,
	} {
		if err := b.WriteBytes(kind, "application/json", []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	r.importOver(b, "")
	i := r.await(b.Digest, wire.Analyzed)
	if i.Content.Metadata.DockerfileMode != nil || i.ParentDigest != b.Digest {
		t.Errorf("dockerfile mode and parent: %s", toJSON(t, i))
	}
	content, err := r.ContentTypes(t.Context(), b.Digest)
	if diff := cmp.Diff([]string{"npm", "os"}, content); diff != "" || err != nil {
		t.Errorf("content types: %v, %s", err, diff)
	}
	kinds, err := r.MetadataTypes(t.Context(), b.Digest)
	if diff := cmp.Diff([]string{"config", "docker_history", "manifest"}, kinds); diff != "" || err != nil {
		t.Errorf("metadata types: %v, %s", err, diff)
	}
}

func TestKnownImageIsLeftAlone(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	first := newBundle(t, image{digest: digestOf(1), tags: []string{"a:1"}})
	r.importOver(first, "")
	before := r.await(first.Digest, wire.Analyzed)

	again := newBundle(t, image{digest: digestOf(1), tags: []string{"a:1"}, document: strings.Replace(document, "left-pad", "right-pad", 2)})
	after, header := r.importOver(again, "")
	if header.Get(wire.KnownHeader) != "true" || header.Get(wire.MessageHeader) == "" {
		t.Errorf("headers: %v", header)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the record changed: %s", diff)
	}
	near, err := r.Import(t.Context(), again, wire.AddOptions{})
	if err != nil || !near.Known || near.Message != header.Get(wire.MessageHeader) {
		t.Errorf("near: %+v, %v", near, err)
	}

	renamed := newBundle(t, image{digest: digestOf(1), tags: []string{"b:1"}})
	renamed.Annotations = map[string]string{"team": "blue"}
	after, _ = r.importOver(renamed, "")
	if after.Status != wire.Analyzed || len(after.Detail) != 2 || after.Annotations["team"] != "blue" {
		t.Errorf("a new name and annotation: %s", toJSON(t, after))
	}
	renamed.Annotations = map[string]string{"team": "null"}
	if after, _ = r.importOver(renamed, ""); len(after.Annotations) != 0 {
		t.Errorf("annotations left: %v", after.Annotations)
	}

	r.importOver(again, "?force=true")
	r.until(first.Digest, func(i wire.Image) bool { return i.Status == wire.Analyzed && len(i.StatusDetail) == 6 })
	p, err := r.Packages(t.Context(), first.Digest, "npm")
	if err != nil || len(p.Content) != 1 || p.Content[0].Name != "right-pad" {
		t.Errorf("after force: %+v, %v", p, err)
	}
}

func TestInterruptedImportResumes(t *testing.T) {
	dir := t.TempDir()
	e := &engine{}
	r := start(t, e, options(dir))
	b := newBundle(t, image{digest: digestOf(1), tags: []string{"a:1"}})
	var op wire.Operation
	r.call("POST", wire.RouteOperations, "{}", &op)
	part, _ := b.Part(bundle.Manifest)
	path := wire.Path(wire.RoutePart, op.UUID, "manifest")
	data, err := b.ReadAll(bundle.Manifest, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var first, second wire.Upload
	r.call("POST", path, string(data), &first)
	r.abandon()

	r = start(t, e, options(dir))
	var there []wire.PartRecord
	r.call("GET", path, "", &there)
	if len(there) != 1 || "sha256:"+there[0].Digest != part.Digest || there[0].CreatedAt == "" {
		t.Errorf("parts after a restart: %+v", there)
	}
	r.call("POST", path, string(data), &second)
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("the same bytes twice: %s", diff)
	}
	r.call("POST", wire.RouteImages, finaliseBody(t, op.UUID, b, r.upload(op.UUID, b)), nil)
	r.await(b.Digest, wire.Analyzed)
	r.call("GET", wire.Path(wire.RouteOperation, op.UUID), "", &op)
	if op.Status != wire.OperationComplete {
		t.Errorf("operation is %s", op.Status)
	}
}

// abandon leaves a server as a crash does: nothing is settled or closed in order.
func (r *running) abandon() {
	r.web.CloseClientConnections()
	r.server.Abandon()
}

func TestFinaliseRefuses(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	b := newBundle(t, image{digest: digestOf(1), tags: []string{"a:1"}})
	var op, other wire.Operation
	r.call("POST", wire.RouteOperations, "", &op)
	r.call("POST", wire.RouteOperations, "", &other)
	contents := r.upload(op.UUID, b)
	var array, twice, deep wire.Upload
	r.call("POST", wire.Path(wire.RoutePart, op.UUID, "manifest"), `[1]`, &array)
	r.call("POST", wire.Path(wire.RoutePart, op.UUID, "image-config"), `{"config":{"User":"root"},"config":{"User":"1"}}`, &twice)
	r.call("POST", wire.Path(wire.RoutePart, op.UUID, "manifest"), `{"a":`+strings.Repeat("[", 64)+strings.Repeat("]", 64)+`}`, &deep)
	with := func(key, value string) map[string]string {
		m := map[string]string{}
		for k, v := range contents {
			m[k] = v
		}
		m[key] = value
		return m
	}
	change := func(f func(*bundle.Bundle)) *bundle.Bundle {
		c := newBundle(t, image{digest: digestOf(1), tags: []string{"a:1"}})
		f(c)
		return c
	}
	for name, test := range map[string]struct {
		body string
		code int
		says string
	}{
		"unknown operation":      {finaliseBody(t, "nothing", b, contents), 404, "no import operation"},
		"parts of another":       {finaliseBody(t, other.UUID, b, contents), 400, "digests not found"},
		"a required part absent": {finaliseBody(t, op.UUID, b, with("packages", "")), 400, "lack packages"},
		"unknown part":           {finaliseBody(t, op.UUID, b, with("malware", digestOf(1))), 400, "no part"},
		"unknown digest":         {finaliseBody(t, op.UUID, b, with("packages", digestOf(9))), 400, "digests not found"},
		"manifest is a list":     {finaliseBody(t, op.UUID, b, with("manifest", array.Digest)), 400, "not a JSON object"},
		"config says it twice":   {finaliseBody(t, op.UUID, b, with("image_config", twice.Digest)), 400, "\"config\" is there twice"},
		"manifest is too deep":   {finaliseBody(t, op.UUID, b, with("manifest", deep.Digest)), 400, "nested deeper than 64"},
		"no tags":                {finaliseBody(t, op.UUID, change(func(b *bundle.Bundle) { b.Tags = nil }), contents), 400, "no tags"},
		"bad tag":                {finaliseBody(t, op.UUID, change(func(b *bundle.Bundle) { b.Tags = []string{"a b"} }), contents), 400, "not an image reference"},
		"bad digest":             {finaliseBody(t, op.UUID, change(func(b *bundle.Bundle) { b.Digest = "sha256:../../x" }), contents), 400, "not a digest"},
		"bad parent":             {finaliseBody(t, op.UUID, change(func(b *bundle.Bundle) { b.ParentDigest = "x" }), contents), 400, "not a digest"},
		"bad id":                 {finaliseBody(t, op.UUID, change(func(b *bundle.Bundle) { b.ImageID = "\x1b[31m" }), contents), 400, "not an image id"},
		"system annotation":      {finaliseBody(t, op.UUID, change(func(b *bundle.Bundle) { b.Annotations = map[string]string{"anchore.system/x": "1"} }), contents), 400, "server's own"},
		"no source":              {`{}`, 400, "neither a tag"},
		"not JSON":               {`{"source":`, 400, "not the JSON"},
		"wrong type":             {`{"source":3}`, 400, "/source: value must be an object"},
		"something after it":     {`{} {}`, 400, "after its end"},
	} {
		e := r.refused("POST", wire.RouteImages, test.body, nil)
		if e.Code != test.code || !strings.Contains(e.Message, test.says) {
			t.Errorf("%s: %d %s", name, e.Code, e.Message)
		}
	}
	if list, err := r.Images(t.Context(), wire.ImageFilter{}); err != nil || len(list) != 0 {
		t.Errorf("images after all that: %v, %v", list, err)
	}
	r.call("DELETE", wire.Path(wire.RouteOperation, other.UUID), "", &other)
	if other.Status != wire.OperationInvalidated {
		t.Errorf("deleted operation is %s", other.Status)
	}
	if e := r.refused("POST", wire.Path(wire.RoutePart, other.UUID, "packages"), "{}", nil); e.Code != 409 {
		t.Errorf("upload to a deleted operation: %+v", e)
	}
	r.call("POST", wire.RouteImages, finaliseBody(t, op.UUID, b, contents), nil)
	if e := r.refused("POST", wire.RouteImages, finaliseBody(t, op.UUID, b, contents), nil); e.Code != 409 || e.Type != "conflict" {
		t.Errorf("finalised twice: %+v", e)
	}
}

func TestUploadRefuses(t *testing.T) {
	o := options(t.TempDir())
	o.MaxPart = 1000
	r := start(t, &engine{}, o)
	var op wire.Operation
	r.call("POST", wire.RouteOperations, "", &op)
	bomb := strings.Repeat("0", 10_000)
	encoded := func(name string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Content-Encoding", name) }
	}
	packages := wire.Path(wire.RoutePart, op.UUID, "packages")
	for name, test := range map[string]struct {
		path, body string
		change     func(*http.Request)
		code       int
		kind       fault.Kind
	}{
		"too long":          {packages, bomb, nil, 400, fault.TooLarge},
		"too long, chunked": {packages, bomb, func(r *http.Request) { r.ContentLength = -1 }, 400, fault.TooLarge},
		"gzip bomb":         {packages, string(pack(t, "gzip", []byte(bomb))), encoded("gzip"), 400, fault.TooLarge},
		"zstd bomb":         {packages, string(pack(t, "zstd", []byte(bomb))), encoded("zstd"), 400, fault.TooLarge},
		"not gzip":          {packages, "plain", encoded("gzip"), 400, fault.Invalid},
		"truncated gzip":    {packages, string(pack(t, "gzip", []byte("abc"))[:15]), encoded("gzip"), 400, fault.Invalid},
		"not zstd":          {packages, "plain", encoded("zstd"), 400, fault.Invalid},
		"unknown encoding":  {packages, "plain", encoded("br"), 415, fault.Unsupported},
		"a secret's value":  {wire.Path(wire.RoutePart, op.UUID, "secret-searches"), `[{"content_searches":[{"classification":"a","value":"hush"}]}]`, nil, 400, fault.Invalid},
		"unknown part":      {wire.Path(wire.RoutePart, op.UUID, "malware"), "x", nil, 404, fault.NotFound},
		"unknown operation": {wire.Path(wire.RoutePart, "../../etc", "packages"), "x", nil, 404, fault.NotFound},
	} {
		e := r.refused("POST", test.path, test.body, test.change)
		if e.Code != test.code || e.Type != test.kind.String() {
			t.Errorf("%s: %+v", name, e)
		}
	}
	left, err := filepath.Glob(filepath.Join(r.dir, "tmp", "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
	kept, err := filepath.Glob(filepath.Join(r.dir, "blobs", "*", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(kept) != 0 {
		t.Errorf("kept: %q", kept)
	}
}

func TestOperationsExpire(t *testing.T) {
	o := options(t.TempDir())
	now := time.Now()
	o.Now = func() time.Time { return now }
	s := open(t, &engine{}, o)
	a := s.Account("admin")
	op, err := a.OpenOperation(t.Context())
	if err != nil || !op.ExpiresAt.Equal(op.CreatedAt.Add(24*time.Hour)) {
		t.Fatalf("%+v, %v", op, err)
	}
	if _, err := a.Upload(t.Context(), op.UUID, "packages", "", strings.NewReader("{}")); err != nil {
		t.Fatal(err)
	}
	now = now.Add(25 * time.Hour)
	if op, err = a.Operation(t.Context(), op.UUID); err != nil || op.Status != wire.OperationExpired {
		t.Errorf("after a day: %+v, %v", op, err)
	}
	if _, err := a.Upload(t.Context(), op.UUID, "packages", "", strings.NewReader("{}")); fault.Of(err) != fault.Conflict {
		t.Errorf("upload after a day: %v", err)
	}
	if err := s.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Operation(t.Context(), op.UUID); fault.Of(err) != fault.NotFound {
		t.Errorf("after the housekeeper: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(o.Dir, "blobs", "sha256", "*", "*")); len(left) != 0 || err != nil {
		t.Errorf("its blob: %q, %v", left, err)
	}
}

func TestImportInProcessIsTheSame(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	b := newBundle(t, image{digest: digestOf(1), tags: []string{"a:1"}})
	receipt, err := r.Import(t.Context(), b, wire.AddOptions{})
	if err != nil || receipt.Known || receipt.Image.Status != wire.NotAnalyzed && receipt.Image.Status != wire.Analyzing && receipt.Image.Status != wire.Analyzed {
		t.Fatalf("%+v, %v", receipt, err)
	}
	i := r.await(b.Digest, wire.Analyzed)
	if i.Origin != "client" {
		t.Errorf("origin %q", i.Origin)
	}
	if _, err := r.Import(t.Context(), &bundle.Bundle{Digest: digestOf(2), Tags: []string{"a:1"}}, wire.AddOptions{}); fault.Of(err) != fault.Invalid {
		t.Errorf("import of nothing: %v", err)
	}
}

func TestEvidenceThatCannotBeReadFailsTheImage(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	for n, document := range []string{`{"artifacts": [`, `{"no":"packages"}`, `not JSON`} {
		b := newBundle(t, image{digest: digestOf(n + 1), tags: []string{"a:1"}, document: document})
		if _, err := r.Import(t.Context(), b, wire.AddOptions{}); err != nil {
			t.Fatal(err)
		}
		i := r.await(b.Digest, wire.AnalysisFailed)
		if !strings.Contains(i.StatusReason, "syft document") || i.Attempts != 1 {
			t.Errorf("%s: after %d attempts: %s", document, i.Attempts, i.StatusReason)
		}
		if _, err := r.Packages(t.Context(), b.Digest, "os"); fault.Of(err) != fault.NotFound || err.Error() != "image is not analyzed - analysis_status: analysis_failed" {
			t.Errorf("packages of it: %v", err)
		}
	}
}

func TestAnnotationsOfAnImageAreBounded(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	add := func(names string, notes int, value string, force bool) (wire.Receipt, error) {
		b := newBundle(t, image{digest: digestOf(1), tags: []string{"a:" + names}})
		b.Annotations = map[string]string{}
		for n := range notes {
			b.Annotations[fmt.Sprint(names, n)] = value
		}
		return r.Import(t.Context(), b, wire.AddOptions{Force: force})
	}
	if _, err := add("x", 150, "1", false); err != nil {
		t.Fatal(err)
	}
	before := r.await(digestOf(1), wire.Analyzed)
	for _, force := range []bool{false, true} {
		if _, err := add("y", 51, "1", force); fault.Of(err) != fault.Invalid {
			t.Errorf("201 annotations, force %v: %v", force, err)
		}
		after, err := r.Image(t.Context(), digestOf(1))
		if diff := cmp.Diff(before, after); diff != "" || err != nil {
			t.Errorf("it changed: %v, %s", err, diff)
		}
	}
	if _, err := add("x", 100, "null", false); err != nil {
		t.Error(err)
	}
	if after, err := add("y", 51, "1", false); err != nil || len(after.Image.Annotations) != 101 {
		t.Errorf("after some were removed: %v, %d", err, len(after.Image.Annotations))
	}
}
