package v1

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
)

// packages have their licenses in one text, too.
var packages = &long{key: "content", each: func(p map[string]any) {
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
}}

// files are the same in both versions.
var files = &long{key: "content", same: true}

// vulnerabilities have the CPE under a second name.
var vulnerabilities = &long{key: "vulnerabilities", each: func(v map[string]any) { also(v, "package_cpe", "package_cpe23") }}

func asItComes(to http.ResponseWriter) io.Writer { return to }

// zipped passes a document on as a file to be kept.
func zipped(to http.ResponseWriter) io.Writer {
	to.Header().Set("Content-Type", "application/gzip")
	to.Header().Set("Content-Disposition", `attachment; filename="sbom.json.gz"`)
	return gzip.NewWriter(to)
}
