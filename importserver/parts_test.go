package importserver_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

// The parts as other clients write them.
const (
	dockerManifest = `{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json",
  "config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":10,"digest":"sha256:00"},
  "layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","size":500,"digest":"sha256:01"}]}`
	plainConfig = `{"architecture":"arm64","os":"linux","created":"0001-01-01T00:00:00Z","history":[{"created":"0001-01-01T00:00:00Z","created_by":"CMD sh"},{"created":null}]}`
)

// post uploads one part, and gives its digest.
func (r *running) post(operation, part, mediaType, body string) string {
	r.t.Helper()
	resp, text := r.request("POST", "/v2/imports/images/"+operation+"/"+part, strings.NewReader(body), func(req *http.Request) {
		req.Header.Set("Content-Type", mediaType)
	})
	var u wire.Upload
	if err := json.Unmarshal([]byte(text), &u); err != nil || resp.StatusCode != 200 {
		r.t.Fatalf("%s: %d %s", part, resp.StatusCode, text)
	}
	return u.Digest
}

// finaliseParts brings an image of parts by the names of their routes.
func (r *running) finaliseParts(digest string, parts map[string][2]string) (int, string) {
	r.t.Helper()
	var op wire.Operation
	r.call("POST", wire.RouteOperations, "", &op)
	contents := map[string]string{}
	for part, p := range parts {
		contents[wire.PartKind(part)] = r.post(op.UUID, part, p[0], p[1])
	}
	b := &bundle.Bundle{Digest: digest, Tags: []string{"a:1"}}
	resp, text := r.request("POST", wire.RouteImages, strings.NewReader(finaliseBody(r.t, op.UUID, b, contents)), nil)
	return resp.StatusCode, text
}

const (
	oci      = "application/vnd.oci.image.manifest.v1+json"
	textType = "text/plain; utf-8"
	jsonType = "application/json"
)

func TestPartsAreTakenAsClientsWriteThem(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	remarshalled := strings.NewReplacer("\n", "", "  ", "").Replace(dockerManifest)
	simple := `{"artifacts":[],"source":{"type":"image"},"distro":{}}`
	for n, test := range []struct {
		name                  string
		packages              string
		manifest              string
		dockerfile            string
		distro, version, file string
	}{
		{"a Docker manifest that is called OCI's", simple, dockerManifest, "", "", "", ""},
		{"a manifest written anew", simple, remarshalled, "FROM a\n", "", "", "FROM a\n"},
		{"a Dockerfile as a JSON string", simple, dockerManifest, `"FROM b\nRUN \"x\"\n"`, "", "", "FROM b\nRUN \"x\"\n"},
		{"a Dockerfile that begins with a quotation mark", simple, dockerManifest, "\"\nFROM c", "", "", "\"\nFROM c"},
		{"the old shape of a distribution", `{"artifacts":[],"source":{"type":"image","target":{}},"distro":{"name":"debian","version":"10","idLike":"debian"}}`, dockerManifest, "", "debian", "10", ""},
		{"the new shape of a distribution", `{"artifacts":[],"source":{},"distro":{"name":"Rocky Linux","id":"rocky","version":"9.3 (Blue Onyx)","versionID":"9.3","idLike":["rhel","fedora"],"extendedSupport":false}}`, dockerManifest, "", "rocky", "9.3", ""},
		{"a distribution of nulls", `{"artifacts":null,"source":null,"distro":{"name":null,"id":null,"version":null,"versionID":null,"idLike":null}}`, dockerManifest, "", "", "", ""},
		{"no distribution", `{"artifacts":[],"source":null,"distro":null,"files":null,"artifactRelationships":null}`, dockerManifest, "", "", "", ""},
	} {
		digest := digestOf(n + 1)
		parts := map[string][2]string{"packages": {jsonType, test.packages}, "manifest": {oci, test.manifest}, "image-config": {jsonType, plainConfig}}
		if test.dockerfile != "" {
			parts["dockerfile"] = [2]string{jsonType, test.dockerfile}
		}
		if code, body := r.finaliseParts(digest, parts); code != 200 {
			t.Errorf("%s: %d %s", test.name, code, body)
			continue
		}
		m := r.await(digest, wire.Analyzed).Content.Metadata
		if *m.ImageSize != 500 || *m.Arch != "arm64" || *m.LayerCount != 1 || deref(m.Distro) != test.distro || deref(m.DistroVersion) != test.version {
			t.Errorf("%s: facts are %s", test.name, toJSON(t, m))
		}
		got, err := r.Metadata(t.Context(), digest, "dockerfile")
		if err != nil || got.Data != base64.StdEncoding.EncodeToString([]byte(test.file)) {
			t.Errorf("%s: Dockerfile %q, %v", test.name, got.Data, err)
		}
	}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func TestPackagesAreReadInOldAndNewShapes(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	artifact := func(licenses, cpes string) string {
		return fmt.Sprintf(`{"artifacts":[{"name":"p","version":"1","type":"npm","locations":[{"path":"/p"}],"licenses":%s,"cpes":%s,"language":"","metadata":null,"metadataType":null}]}`, licenses, cpes)
	}
	cpe := "cpe:2.3:a:p:p:1:*:*:*:*:*:*:*"
	for n, test := range []struct {
		licenses, cpes string
		want           []string
	}{
		{`["MIT"]`, `["` + cpe + `"]`, []string{"MIT"}},
		{`[{"value":"MIT","spdxExpression":"MIT","type":"declared","urls":[],"locations":[]}]`, `[{"cpe":"` + cpe + `","source":"syft-generated"}]`, []string{"MIT"}},
		{`["MIT",{"value":"BSD"}]`, `["` + cpe + `"]`, []string{"MIT", "BSD"}},
		{`null`, `[{"cpe":"` + cpe + `"}]`, []string{"Unknown"}},
	} {
		digest := digestOf(n + 1)
		code, body := r.finaliseParts(digest, map[string][2]string{
			"packages": {jsonType, artifact(test.licenses, test.cpes)}, "manifest": {oci, dockerManifest}, "image-config": {jsonType, plainConfig},
		})
		if code != 200 {
			t.Fatalf("%s: %d %s", test.licenses, code, body)
		}
		r.await(digest, wire.Analyzed)
		c, err := r.Packages(t.Context(), digest, "npm")
		if err != nil || len(c.Content) != 1 || !cmp.Equal(c.Content[0].Licenses, test.want) || !cmp.Equal(c.Content[0].CPEs, []string{cpe}) {
			t.Errorf("%s %s: %+v, %v", test.licenses, test.cpes, c, err)
		}
	}
}

func TestWholeSBOMIsAnImport(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	of := func(manifest, config string) string {
		return strings.Replace(document, `"metadata":{}}`, `"metadata":{"manifest":"`+b64(manifest)+`","config":"`+b64(config)+`"}}`, 1)
	}
	whole := of(dockerManifest, plainConfig)
	if code, body := r.finaliseParts(digestOf(1), map[string][2]string{"sbom": {jsonType, whole}}); code != 200 {
		t.Fatalf("%d %s", code, body)
	}
	i := r.await(digestOf(1), wire.Analyzed)
	if m := i.Content.Metadata; *m.Arch != "arm64" || *m.ImageSize != 500 || *m.Distro != "debian" {
		t.Errorf("facts: %s", toJSON(t, m))
	}
	if m, err := r.Metadata(t.Context(), digestOf(1), "manifest"); err != nil || m.Data != b64(dockerManifest) {
		t.Errorf("manifest: %+v, %v", m, err)
	}
	if s, err := r.ContentSummary(t.Context(), digestOf(1)); err != nil || len(s.Items) != 3 {
		t.Errorf("content: %+v, %v", s, err)
	}

	// What is named goes before what is carried, and what is neither is missed.
	code, body := r.finaliseParts(digestOf(2), map[string][2]string{"sbom": {jsonType, whole}, "manifest": {oci, `{"layers":[{"size":7}]}`}})
	if code != 200 || *r.await(digestOf(2), wire.Analyzed).Content.Metadata.ImageSize != 7 {
		t.Errorf("a manifest of its own: %d %s", code, body)
	}
	for name, sbom := range map[string]string{
		"lack manifest": document, "lack image_config": of(dockerManifest, ""), "not a JSON object": of("[1]", plainConfig), "syft document": "not JSON",
	} {
		code, body := r.finaliseParts(digestOf(3), map[string][2]string{"sbom": {jsonType, sbom}})
		if code != 400 || !strings.Contains(body, name) {
			t.Errorf("%s: %d %s", name, code, body)
		}
	}
	if _, err := r.Image(t.Context(), digestOf(3)); fault.Of(err) != fault.NotFound {
		t.Errorf("what was refused is there: %v", err)
	}
}

func TestDockerfileThatIsAnObjectIsRefused(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	for _, file := range []string{`{"dockerfile":"FROM a"}`, `["FROM a"]`} {
		code, body := r.finaliseParts(digestOf(1), map[string][2]string{
			"packages": {jsonType, document}, "manifest": {oci, dockerManifest}, "image-config": {jsonType, plainConfig}, "dockerfile": {textType, file},
		})
		if code != 400 || !strings.Contains(body, "no text") {
			t.Errorf("%s: %d %s", file, code, body)
		}
	}
}

func TestBytesOfOpenImportsAreBounded(t *testing.T) {
	o := options(t.TempDir())
	o.MaxOpen = 5000
	r := start(t, &engine{}, o)
	var one, two wire.Operation
	r.call("POST", wire.RouteOperations, "{}", &one)
	r.call("POST", wire.RouteOperations, "{}", &two)
	part := func(op wire.Operation) string { return wire.Path(wire.RoutePart, op.UUID, "packages") }
	body := func(n int) string { return `{"x":"` + strings.Repeat(strconv.Itoa(n), 2000) + `"}` }
	r.call("POST", part(one), body(1), nil)
	r.call("POST", part(two), body(2), nil)
	r.call("POST", part(two), body(2), nil) // the same again
	if e := r.refused("POST", part(two), body(3), nil); e.Code != 400 || e.Type != "too_large" || e.Detail["hint"] == nil || !strings.Contains(e.Message, "no more than 5000") {
		t.Errorf("too much: %+v", e)
	}
	if _, text := r.request("GET", part(two), nil, nil); strings.Count(text, "digest") != 1 {
		t.Errorf("what was refused was noted: %s", text)
	}
	r.call("DELETE", wire.Path(wire.RouteOperation, one.UUID), "", nil)
	r.call("POST", part(two), body(3), nil)
}

func TestOpenImportsAreBounded(t *testing.T) {
	o := options(t.TempDir())
	now := time.Now()
	o.Now, o.MaxImports = func() time.Time { return now }, 3
	r := start(t, &engine{}, o)
	var last wire.Operation
	for range 3 {
		r.call("POST", wire.RouteOperations, "{}", &last)
	}
	e := r.refused("POST", wire.RouteOperations, "{}", nil)
	if e.Code != 400 || !strings.Contains(e.Message, "no more than 3") || e.Detail["hint"] == nil {
		t.Errorf("one too many: %+v", e)
	}
	r.call("DELETE", wire.Path(wire.RouteOperation, last.UUID), "", nil)
	r.call("POST", wire.RouteOperations, "{}", nil)
	r.refused("POST", wire.RouteOperations, "{}", nil)
	r.population("other")
	if _, err := r.server.Account("other").OpenOperation(t.Context()); err != nil {
		t.Errorf("another account: %v", err)
	}
	now = now.Add(25 * time.Hour)
	r.call("POST", wire.RouteOperations, "{}", nil)
}
