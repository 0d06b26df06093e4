package v1

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
)

const (
	maxGetBody  = 64 << 10
	getBodyTime = 10 * time.Second
)

// tagOfBody reads the tag from the body of a GET, where the oldest clients say it.
func tagOfBody(c *call) {
	if c.r.ContentLength == 0 || c.query.Has("full_tag") {
		return
	}
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Now().Add(getBodyTime))
	var body struct {
		Tag string `json:"tag"`
	}
	data, err := io.ReadAll(io.LimitReader(c.r.Body, maxGetBody))
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Time{}) // the answer may take longer
	if err == nil && json.Unmarshal(data, &body) == nil && body.Tag != "" {
		c.query.Set("full_tag", body.Tag)
	}
}

// imageRequest makes a source of the properties that older clients send in its
// place, and renames those of the others.
func imageRequest(m map[string]any) error {
	if source, ok := m["source"].(map[string]any); ok {
		for _, key := range []string{"tag", "digest", "dockerfile"} {
			if m[key] != nil && m[key] != "" {
				return fault.New(fault.Invalid, `Cannot use "source" together with "tag", "digest" or "dockerfile" in body`)
			}
		}
		for _, s := range source {
			if s, ok := s.(map[string]any); ok {
				move(s, "pullstring", "pull_string")
			}
		}
		return nil
	}
	tag, digest := m["tag"], m["digest"]
	if digest == "" {
		digest = nil
	}
	if tag == nil || tag == "" {
		return fault.New(fault.Invalid, `Must include either "tag", "tag" and "digest", or "source" property in body`)
	}
	source, kind := map[string]any{"pull_string": tag}, "tag"
	if digest != nil {
		if d, ok := digest.(string); ok && !strings.Contains(d, "@") {
			t, _ := tag.(string)
			digest = untagged(t) + "@" + d
		}
		source, kind = map[string]any{"pull_string": digest, "tag": tag}, "digest"
		if m["created_at"] != nil {
			source["creation_timestamp_override"] = m["created_at"]
		}
	}
	if m["dockerfile"] != nil && m["dockerfile"] != "" {
		source["dockerfile"] = m["dockerfile"]
	}
	for _, key := range []string{"tag", "digest", "dockerfile", "created_at"} {
		delete(m, key)
	}
	m["source"] = map[string]any{kind: source}
	return nil
}

// sourceNames makes the names of what the client sent of those of a request's source:
// sourced tells whether it sent one itself.
func sourceNames(sourced bool) *strings.Replacer {
	if sourced {
		return strings.NewReplacer("pull_string", "pullstring")
	}
	return strings.NewReplacer(
		"/source/tag/pull_string", "/tag", "/source/digest/pull_string", "/digest", "/source/digest/tag", "/tag",
		"/source/digest/creation_timestamp_override", "/created_at", "/source/tag/dockerfile", "/dockerfile", "/source/digest/dockerfile", "/dockerfile",
	)
}

// untagged is a reference without its tag.
func untagged(tag string) string {
	if colon := strings.LastIndexByte(tag, ':'); colon > strings.LastIndexByte(tag, '/') {
		return tag[:colon]
	}
	return tag
}

// move renames a key.
func move(m map[string]any, from, to string) {
	if v, ok := m[from]; ok {
		delete(m, from)
		m[to] = v
	}
}

// found names what a query found in both ways that clients know: the description's
// and the original's.
var found = &long{key: "images", each: func(found map[string]any) {
	image, _ := found["image"].(map[string]any)
	for _, tag := range each(image, "tag_history") {
		also(tag, "full_tag", "pullstring", "fulltag")
		also(tag, "repo", "repository")
		also(tag, "tag_detected_at", "detected_at")
	}
	bareID(image)
	also(image, "image_digest", "digest", "imageDigest")
	also(image, "image_id", "id", "imageId")
}}

// also gives a value other names, too.
func also(m map[string]any, key string, others ...string) {
	v, ok := m[key]
	for _, other := range others {
		if ok {
			m[other] = v
		}
	}
}

// eventTypes has categories in place of names.
func eventTypes(c *call, v any) (any, bool) {
	v, _ = list(c, v)
	if all, ok := v.([]any); ok {
		for _, x := range all {
			if m, ok := x.(map[string]any); ok {
				move(m, "name", "category")
			}
		}
	}
	return v, true
}

// images are a list whose times have no parts of seconds.
func images(c *call, v any) (any, bool) {
	v, _ = list(c, v)
	all, _ := v.([]any)
	for _, image := range all {
		if m, ok := image.(map[string]any); ok {
			oneImage(m)
		}
	}
	return v, true
}

func oneImage(image map[string]any) {
	whole(image)
	for _, d := range each(image, "image_detail") {
		d["image_id"] = idOf(image, d)
	}
}

// idOf is an image's id in its record: hexadecimal digits alone, but of an image that was
// imported, whose client said it with its algorithm.
func idOf(image, detail map[string]any) string {
	id := text(detail, "image_id")
	if text(image, "evidence_origin") == "client" {
		return id
	}
	return strings.TrimPrefix(id, "sha256:")
}

// bareID makes the id of an image in a list hexadecimal digits alone: lists do not say
// where an image came from.
func bareID(of map[string]any) {
	if id, ok := of["image_id"].(string); ok {
		of["image_id"] = strings.TrimPrefix(id, "sha256:")
	}
}

// whole takes the parts of seconds from times.
func whole(v any) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			whole(x)
		}
	case map[string]any:
		for key, x := range v {
			if s, ok := x.(string); ok && (strings.HasSuffix(key, "_at") || key == "last_updated") {
				v[key] = seconds(s)
			} else if !slices.Contains(data, key) {
				whole(x)
			}
		}
	}
}
