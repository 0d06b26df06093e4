package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/wire"
)

// Imported is an image that a case makes up. What is empty has a value of its own.
type Imported struct {
	Name        string // full tag
	Layers      []string
	Packages    []string // names of npm packages, all of version 1.0.0
	Annotations map[string]string
	Searched    bool // secrets, contents and files were looked for, and each found
}

// randomDigest is a digest that nothing has yet.
func randomDigest() string {
	var b [32]byte
	rand.Read(b[:])
	return "sha256:" + hex.EncodeToString(b[:])
}

// Imported takes a made-up image in through the import routes and waits until it
// is analysed. gone deletes it; the digest is "" where that failed.
func (r *Run) Imported(t Imported) (digest string, gone func()) {
	digest = randomDigest()
	gone = func() {
		r.Call("delete_image", Options{Path: map[string]string{"image_digest": digest}, Query: url.Values{"force": {"true"}}})
	}
	if t.Name == "" {
		t.Name = "registry.example/" + unique() + ":1"
	}
	if t.Layers == nil {
		t.Layers = []string{randomDigest()}
	}
	before := len(r.failures)
	var o struct {
		ID string `json:"uuid"`
	}
	r.Call("create_operation", Options{}).JSON(&o)
	contents := map[string]string{}
	type part struct{ op, name, text string }
	parts := []part{
		{"import_image_packages", "packages", t.document()},
		{"import_image_manifest", "manifest", `{"schemaVersion":2,"config":{"digest":"` + randomDigest() + `","size":1},"layers":` + t.each(`{"digest":"%s","size":1000,"mediaType":"application/vnd.oci.image.layer.v1.tar"}`) + `}`},
		{"import_image_config", "image_config", `{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":` + t.each(`"%s"`) + `}}`},
	}
	if t.Searched {
		place := `{"location":{"path":"/etc/x","layerID":"` + t.Layers[0] + `"},`
		found := `[` + place + `"content_searches":[{"classification":"x","line_number":1,"line_offset":0,"seek_position":0,"length":1}]}]`
		parts = append(parts, part{"import_secret_searches", "secret_searches", found}, part{"import_content_searches", "content_searches", found},
			part{"import_file_contents", "file_contents", `[` + place + `"contents":"eA=="}]`})
	}
	for _, part := range parts {
		r.Call(part.op, Options{
			Path: map[string]string{"operation_id": o.ID}, Body: part.text, Header: http.Header{"Content-Type": {"application/json"}},
		})
		sum := sha256.Sum256([]byte(part.text))
		contents[part.name] = "sha256:" + hex.EncodeToString(sum[:])
	}
	if len(r.failures) > before {
		return "", func() {}
	}
	a := r.Call("add_image", Options{Body: map[string]any{"annotations": t.Annotations, "source": map[string]any{"import": map[string]any{
		"operation_uuid": o.ID, "digest": digest, "tags": []string{t.Name}, "contents": contents,
	}}}})
	if a.Code >= 300 {
		return "", func() {}
	}
	return digest, r.analysed(digest, gone)
}

// analysed waits until an image is analysed.
func (r *Run) analysed(digest string, gone func()) func() {
	var i wire.Image
	for range 300 {
		r.Call("get_image", Options{Path: map[string]string{"image_digest": digest}}).JSON(&i)
		switch i.Status {
		case wire.Analyzed:
			return gone
		case wire.AnalysisFailed:
			r.Failf("the image could not be analysed: %s", i.StatusReason)
			return gone
		}
		time.Sleep(100 * time.Millisecond)
	}
	r.Failf("the image stays %s", i.Status)
	return gone
}

// each is a JSON list of something for every layer.
func (t Imported) each(format string) string {
	var all []string
	for _, l := range t.Layers {
		all = append(all, fmt.Sprintf(format, l))
	}
	return "[" + strings.Join(all, ",") + "]"
}

// document is the image's packages as syft writes them.
func (t Imported) document() string {
	var all []string
	for n, p := range t.Packages {
		all = append(all, fmt.Sprintf(`{"id":"p%d","name":%q,"version":"1.0.0","type":"npm","foundBy":"javascript-package-cataloger",
			"locations":[{"path":"/app/%s/package.json"}],"licenses":[],"language":"javascript","cpes":[],"purl":"pkg:npm/%s@1.0.0"}`, n, p, p, p))
	}
	return `{"artifacts":[` + strings.Join(all, ",") + `],"artifactRelationships":[],"files":[],
		"source":{"id":"s","name":"x","version":"1","type":"image","metadata":{}},
		"distro":{"id":"debian","versionID":"12"},"descriptor":{"name":"syft","version":"1.0.0"},
		"schema":{"version":"16.0.0","url":"https://raw.githubusercontent.com/anchore/syft/main/schema/json/schema-16.0.0.json"}}`
}
