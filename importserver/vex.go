package importserver

import (
	"context"
	"io"
	"net/http"

	"github.com/tidepole/tidepole/formats/cyclonedx"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/openvex"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// vexFormats are the documents that say how vulnerabilities concern an image.
var vexFormats = []string{"openvex", "cyclonedx-json", "cyclonedx-xml"}

// VEX writes how the vulnerabilities of an image's packages concern it.
func (a *Account) VEX(ctx context.Context, digest, format string, w io.Writer) error {
	f := wire.VulnerabilityFilter{Type: "all", Descriptions: true}
	s, found, err := a.subject(ctx, digest, f)
	if err != nil {
		return err
	}
	switch format {
	case "openvex":
		return openvex.Write(w, s, found)
	case "cyclonedx-json":
		return cyclonedx.Write(w, cyclonedx.JSON, s, found, true)
	case "cyclonedx-xml":
		return cyclonedx.Write(w, cyclonedx.XML, s, found, true)
	}
	return fault.New(fault.NotFound, "there is no VEX format %.100q; have %v", format, vexFormats)
}

// VulnerabilityList writes the vulnerabilities of an image's packages as a document
// of another format: cyclonedx-json or cyclonedx-xml.
func (a *Account) VulnerabilityList(ctx context.Context, digest, format string, f wire.VulnerabilityFilter, w io.Writer) error {
	s, found, err := a.subject(ctx, digest, f)
	if err != nil {
		return err
	}
	switch format {
	case "cyclonedx-json":
		return cyclonedx.Write(w, cyclonedx.JSON, s, found, false)
	case "cyclonedx-xml":
		return cyclonedx.Write(w, cyclonedx.XML, s, found, false)
	}
	return fault.New(fault.NotFound, "there is no format %.100q of vulnerabilities", format)
}

// subject is an image as documents name it, and what was matched to it.
func (a *Account) subject(ctx context.Context, digest string, f wire.VulnerabilityFilter) (report.Subject, []report.Vulnerability, error) {
	i, r, err := a.matched(ctx, digest, f)
	if err != nil {
		return report.Subject{}, nil, err
	}
	tags, err := a.server.store.View().Tags(ctx, i.ID)
	s := report.Subject{Image: imageOf(i, tags), At: r.CreatedAt, Tool: a.server.options.Version}
	return s, wire.Chosen(r.Matches.Vulnerabilities, f), err
}

func imageOf(i store.Image, tags []store.Tag) report.Image {
	image := report.Image{Digest: i.Digest, ParentDigest: i.ParentDigest, ID: i.ImageID}
	if len(tags) > 0 {
		image.Tag = nameOf(tags[0]).FullTag()
	}
	return image
}

func vulnerabilitiesIn(format string) operation {
	return func(a *Account, w http.ResponseWriter, r *http.Request) error {
		f := vulnerabilityFilter(r)
		return a.answerReport(w, r, mediaTypeOf(format), "", 0, func(out io.Writer) error {
			return a.VulnerabilityList(r.Context(), r.PathValue("image_digest"), format, f, out)
		})
	}
}

func vexIn(format string) operation {
	return func(a *Account, w http.ResponseWriter, r *http.Request) error {
		return a.answerReport(w, r, mediaTypeOf(format), "", 0, func(out io.Writer) error {
			return a.VEX(r.Context(), r.PathValue("image_digest"), format, out)
		})
	}
}

func mediaTypeOf(format string) string {
	if format == "cyclonedx-xml" {
		return "application/xml"
	}
	return "application/json"
}
