package v1

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
)

// packages have their licenses in one text, too.
func packages(_ *call, v any) (any, bool) {
	for _, p := range each(v, "content") {
		var all []string
		licenses, _ := p["licenses"].([]any)
		for _, l := range licenses {
			if s, ok := l.(string); ok {
				all = append(all, s)
			}
		}
		p["license"] = strings.Join(all, " ")
		if len(all) == 0 {
			p["license"] = "Unknown"
		}
	}
	return v, true
}

// vulnerabilities have the CPE under a second name.
func vulnerabilities(_ *call, v any) (any, bool) {
	for _, x := range each(v, "vulnerabilities") {
		also(x, "package_cpe", "package_cpe23")
	}
	return v, true
}

func asItComes(to http.ResponseWriter) io.Writer { return to }

// zipped passes a document on as a file to be kept.
func zipped(to http.ResponseWriter) io.Writer {
	to.Header().Set("Content-Type", "application/gzip")
	to.Header().Set("Content-Disposition", `attachment; filename="sbom.json.gz"`)
	return gzip.NewWriter(to)
}

const (
	headOfFiles   = `{"image_digest"`
	headOfFilesV1 = `{"imageDigest"`
)

// files passes a list of files on, however long it is: but for its first key it is
// the same in both versions.
func files(to http.ResponseWriter) io.Writer { return &begun{to: to} }

// begun waits for the first key.
type begun struct {
	to   io.Writer
	head []byte
	past bool
}

func (b *begun) Write(p []byte) (int, error) {
	if b.past {
		return b.to.Write(p)
	}
	b.head = append(b.head, p...)
	if len(b.head) < len(headOfFiles) {
		return len(p), nil
	}
	return len(p), b.Close()
}

// Close writes what has waited.
func (b *begun) Close() error {
	if b.past {
		return nil
	}
	b.past = true
	if rest, ok := bytes.CutPrefix(b.head, []byte(headOfFiles)); ok {
		if _, err := io.WriteString(b.to, headOfFilesV1); err != nil {
			return err
		}
		b.head = rest
	}
	_, err := b.to.Write(b.head)
	return err
}
