package importserver

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// contentsOps are the operations of what is in an image.
var contentsOps = map[string]operation{
	"list_image_content":                     getContentTypes,
	"get_image_content_by_type_files":        getFiles,
	"get_image_content_by_type_java_package": contentOf("java"),
	"get_image_content_by_type_license":      getLicenses,
	"get_image_content_by_type_malware":      getMalware,
	"get_image_content_by_type":              getContent,
	"get_image_content_summary":              getContentSummary,
	"list_image_metadata":                    getMetadataTypes,
	"get_image_metadata_by_type":             getMetadata,
	"list_secret_search_results":             getSecrets,
	"list_file_content_search_results":       getContentSearches,
	"list_retrieved_files":                   getRetrievedFiles,
	"get_image_sbom_cyclonedx_json":          sbomIn("cyclonedx-json"),
	"get_image_sbom_native_json":             sbomIn("native-json"),
	"get_image_sbom_spdx_json":               sbomIn("spdx-json"),
	"get_image_sbom_cyclonedx_xml":           sbomIn("cyclonedx-xml"),
	"get_image_sbom_spdx_tag_value":          sbomIn("spdx-tag-value"),
	"get_image_sbom_syft_json":               sbomIn("syft-json"),
	"get_image_sbom_table":                   sbomIn("table"),
	"get_image_sbom_text":                    sbomIn("text"),
}

func getContentTypes(a *Account, w http.ResponseWriter, r *http.Request) error {
	types, err := a.ContentTypes(r.Context(), r.PathValue("image_digest"))
	return give(w, types, err)
}

func getContentSummary(a *Account, w http.ResponseWriter, r *http.Request) error {
	s, err := a.ContentSummary(r.Context(), r.PathValue("image_digest"))
	return give(w, s, err)
}

func getLicenses(a *Account, w http.ResponseWriter, r *http.Request) error {
	return stream(a, w, r, `{"items":[`, "]}\n", func(add func(any) error) error {
		return a.Licenses(r.Context(), r.PathValue("image_digest"), func(l wire.PackageLicenses) error { return add(l) })
	})
}

func getMalware(a *Account, w http.ResponseWriter, r *http.Request) error {
	c, err := a.Malware(r.Context(), r.PathValue("image_digest"))
	return give(w, c, err)
}

func getFiles(a *Account, w http.ResponseWriter, r *http.Request) error {
	return content(a, w, r, "files", func(digest string, add func(any) error) error {
		return a.Files(r.Context(), digest, func(f wire.File) error { return add(f) })
	})
}

// content answers with an image's content of a type.
func content(a *Account, w http.ResponseWriter, r *http.Request, kind string, fill func(digest string, add func(any) error) error) error {
	digest := r.PathValue("image_digest")
	head, err := json.Marshal(wire.Content[wire.File]{Digest: digest, ContentType: kind, Content: []wire.File{}})
	if err != nil {
		return err
	}
	return stream(a, w, r, strings.TrimSuffix(string(head), "]}"), "]}\n", func(add func(any) error) error { return fill(digest, add) })
}

func getContent(a *Account, w http.ResponseWriter, r *http.Request) error {
	return contentOf(r.PathValue("content_type"))(a, w, r)
}

func contentOf(kind string) operation {
	return func(a *Account, w http.ResponseWriter, r *http.Request) error {
		return content(a, w, r, kind, func(digest string, add func(any) error) error {
			return a.eachPackage(r.Context(), digest, kind, func(p wire.Package) error { return add(p) })
		})
	}
}

func getMetadataTypes(a *Account, w http.ResponseWriter, r *http.Request) error {
	types, err := a.MetadataTypes(r.Context(), r.PathValue("image_digest"))
	return give(w, types, err)
}

func getMetadata(a *Account, w http.ResponseWriter, r *http.Request) error {
	m, err := a.Metadata(r.Context(), r.PathValue("image_digest"), r.PathValue("metadata_type"))
	return give(w, m, err)
}

func getSecrets(a *Account, w http.ResponseWriter, r *http.Request) error {
	return searched(a.server, w, r, a.eachSecret)
}

func getContentSearches(a *Account, w http.ResponseWriter, r *http.Request) error {
	return searched(a.server, w, r, a.eachContentSearch)
}

func searched(s *Server, w http.ResponseWriter, r *http.Request, each func(context.Context, string, func(wire.SearchResult) error) error) error {
	return s.answerMade(w, "application/json", func() {}, func(out io.Writer) error {
		return writeList(out, "[", "]\n", func(add func(any) error) error {
			return each(r.Context(), r.PathValue("image_digest"), func(s wire.SearchResult) error { return add(s) })
		})
	})
}

func getRetrievedFiles(a *Account, w http.ResponseWriter, r *http.Request) error {
	return stream(a, w, r, "[", "]\n", func(add func(any) error) error {
		return a.eachRetrieved(r.Context(), r.PathValue("image_digest"), func(f wire.RetrievedFile) error { return add(f) })
	})
}

// sbomTypes are the media types of SBOM formats; the rest is text or JSON by name.
var sbomTypes = map[string]string{
	"cyclonedx-xml": "application/xml", "spdx-tag-value": "text/plain; charset=utf-8",
	"table": "text/plain; charset=utf-8", "text": "text/plain; charset=utf-8",
}

func sbomIn(format string) operation {
	mediaType, ok := sbomTypes[format]
	if !ok {
		mediaType = "application/json"
	}
	return func(a *Account, w http.ResponseWriter, r *http.Request) error {
		return a.SBOM(r.Context(), r.PathValue("image_digest"), format, &late{w: w, mediaType: mediaType})
	}
}

// late sends the head of an answer with the first bytes of its body, so that an
// error before them can still be answered as one.
type late struct {
	w         http.ResponseWriter
	mediaType string
	begun     bool
}

func asJSON(w http.ResponseWriter) *late { return &late{w: w, mediaType: "application/json"} }

func (l *late) Write(b []byte) (int, error) {
	if !l.begun {
		l.begun = true
		l.w.Header().Set("Content-Type", l.mediaType)
	}
	return l.w.Write(b)
}

// stream answers with a list whose elements come one by one, in a place for answers: an
// element may be large, and a client slow.
func stream(a *Account, w http.ResponseWriter, r *http.Request, head, tail string, fill func(add func(any) error) error) error {
	leave, err := a.enter(r.Context(), a.server.answers)
	if err != nil {
		return err
	}
	return a.server.answerMade(w, "application/json", leave, func(out io.Writer) error { return writeList(out, head, tail, fill) })
}

// writeList writes a list whose elements come one by one.
func writeList(w io.Writer, head, tail string, fill func(add func(any) error) error) error {
	return rawList(w, head, func(add func([]byte) error) (string, error) {
		return tail, fill(func(v any) error {
			data, err := json.Marshal(v)
			if err != nil {
				return err
			}
			return add(data)
		})
	})
}

// rawList is writeList for elements that are JSON already, one or several at once.
func rawList(w io.Writer, head string, fill func(add func([]byte) error) (tail string, err error)) error {
	out := bufio.NewWriterSize(w, 64<<10)
	separator := head
	tail, err := fill(func(data []byte) error {
		out.WriteString(separator) // an error of it is the next one's, too
		separator = store.Separator
		_, err := out.Write(data)
		return err
	})
	if err != nil {
		return err
	}
	if separator == head {
		tail = head + tail
	}
	if _, err := out.WriteString(tail); err != nil {
		return err
	}
	return out.Flush()
}
