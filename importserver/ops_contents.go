package importserver

import (
	"bufio"
	"encoding/json"
	"net/http"

	"github.com/tidepole/tidepole/formats/wire"
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

// contentsPending are those that are yet to be built.
var contentsPending []string

func getContentTypes(a *Account, w http.ResponseWriter, r *http.Request) error {
	types, err := a.ContentTypes(r.Context(), r.PathValue("image_digest"))
	return give(w, types, err)
}

func getContentSummary(a *Account, w http.ResponseWriter, r *http.Request) error {
	s, err := a.ContentSummary(r.Context(), r.PathValue("image_digest"))
	return give(w, s, err)
}

func getLicenses(a *Account, w http.ResponseWriter, r *http.Request) error {
	return stream(w, `{"items":[`, "]}\n", func(add func(any) error) error {
		return a.Licenses(r.Context(), r.PathValue("image_digest"), func(l wire.PackageLicenses) error { return add(l) })
	})
}

func getMalware(a *Account, w http.ResponseWriter, r *http.Request) error {
	c, err := a.Malware(r.Context(), r.PathValue("image_digest"))
	return give(w, c, err)
}

func getFiles(a *Account, w http.ResponseWriter, r *http.Request) error {
	digest := r.PathValue("image_digest")
	head, err := json.Marshal(digest)
	if err != nil {
		return err
	}
	return stream(w, `{"image_digest":`+string(head)+`,"content_type":"files","content":[`, "]}\n", func(add func(any) error) error {
		return a.Files(r.Context(), digest, func(f wire.File) error { return add(f) })
	})
}

func getContent(a *Account, w http.ResponseWriter, r *http.Request) error {
	return contentOf(r.PathValue("content_type"))(a, w, r)
}

func contentOf(kind string) operation {
	return func(a *Account, w http.ResponseWriter, r *http.Request) error {
		c, err := a.Packages(r.Context(), r.PathValue("image_digest"), kind)
		return give(w, c, err)
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
	list, err := a.Secrets(r.Context(), r.PathValue("image_digest"))
	return give(w, list, err)
}

func getContentSearches(a *Account, w http.ResponseWriter, r *http.Request) error {
	list, err := a.ContentSearches(r.Context(), r.PathValue("image_digest"))
	return give(w, list, err)
}

func getRetrievedFiles(a *Account, w http.ResponseWriter, r *http.Request) error {
	return stream(w, "[", "]\n", func(add func(any) error) error {
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

func (l *late) Write(b []byte) (int, error) {
	if !l.begun {
		l.begun = true
		l.w.Header().Set("Content-Type", l.mediaType)
	}
	return l.w.Write(b)
}

// stream answers with a list whose elements are sent as they come.
func stream(w http.ResponseWriter, head, tail string, fill func(add func(any) error) error) error {
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

// rawList is stream for elements that are JSON already.
func rawList(w http.ResponseWriter, head string, fill func(add func([]byte) error) (tail string, err error)) error {
	out := bufio.NewWriterSize(&late{w: w, mediaType: "application/json"}, 64<<10)
	separator := head
	tail, err := fill(func(data []byte) error {
		if _, err := out.WriteString(separator); err != nil {
			return err
		}
		separator = ",\n"
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
