package sbom

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/anchore/syft/syft/format/cyclonedxjson"
	"github.com/anchore/syft/syft/format/cyclonedxxml"
	"github.com/anchore/syft/syft/format/spdxjson"
	"github.com/anchore/syft/syft/format/spdxtagvalue"
	"github.com/anchore/syft/syft/format/syftjson"
	"github.com/anchore/syft/syft/format/table"
	"github.com/anchore/syft/syft/format/text"
	"github.com/anchore/syft/syft/sbom"

	"github.com/tidepole/tidepole/formats/fault"
	rows "github.com/tidepole/tidepole/formats/table"
)

// SyftJSON is the format that documents are kept in.
const SyftJSON = "syft-json"

// encoders are the formats a document can be written in, in the order in which
// they are named to the user.
//
// In SPDX and CycloneDX, syft's encoders name Anchore as the creating
// organisation or the tool's author, whatever the document says; neither their
// configuration nor its descriptor changes that.
var encoders = []struct {
	name string
	make func() (sbom.FormatEncoder, error)
}{
	{SyftJSON, nil}, // as it is
	{"spdx-json", func() (sbom.FormatEncoder, error) {
		return spdxjson.NewFormatEncoderWithConfig(spdxjson.DefaultEncoderConfig())
	}},
	{"spdx-tag-value", func() (sbom.FormatEncoder, error) {
		return spdxtagvalue.NewFormatEncoderWithConfig(spdxtagvalue.DefaultEncoderConfig())
	}},
	{"cyclonedx-json", func() (sbom.FormatEncoder, error) {
		return cyclonedxjson.NewFormatEncoderWithConfig(cyclonedxjson.DefaultEncoderConfig())
	}},
	{"cyclonedx-xml", func() (sbom.FormatEncoder, error) {
		return cyclonedxxml.NewFormatEncoderWithConfig(cyclonedxxml.DefaultEncoderConfig())
	}},
	{"table", forPeople(table.NewFormatEncoder())},
	{"text", forPeople(text.NewFormatEncoder())},
}

// forPeople keeps what a terminal would obey, in the names of packages, out of
// what it shows.
func forPeople(enc sbom.FormatEncoder) func() (sbom.FormatEncoder, error) {
	return func() (sbom.FormatEncoder, error) { return clean{enc}, nil }
}

type clean struct{ sbom.FormatEncoder }

// Encode writes only what can be printed.
func (c clean) Encode(w io.Writer, s sbom.SBOM) error {
	return c.FormatEncoder.Encode(rows.NewCleaner(w), s)
}

// Formats are the names of the formats that Encode writes.
func Formats() []string {
	var names []string
	for _, e := range encoders {
		names = append(names, e.name)
	}
	return names
}

// Encode writes a syft JSON document in another format. An unknown format and a
// document that cannot be read are fault.Invalid.
func Encode(ctx context.Context, format string, syftJSON io.Reader, w io.Writer) (err error) {
	for _, e := range encoders {
		switch {
		case e.name != format:
		case e.make == nil:
			_, err := io.Copy(w, endingReader{io.NopCloser(syftJSON), ctx})
			return err
		default:
			enc, err := e.make()
			if err != nil {
				return fmt.Errorf("write %s: %w", format, err)
			}
			return convert(ctx, enc, syftJSON, w)
		}
	}
	return fault.New(fault.Invalid, "unknown SBOM format %q", format).
		WithHint("have %s", strings.Join(Formats(), ", "))
}

func convert(ctx context.Context, enc sbom.FormatEncoder, syftJSON io.Reader, w io.Writer) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("write %s: panic: %v", enc.ID(), p)
		}
	}()
	data, err := io.ReadAll(endingReader{io.NopCloser(syftJSON), ctx}) // the decoder wants to seek
	if err != nil {
		return fmt.Errorf("read syft document: %w", err)
	}
	s, _, _, err := syftjson.NewFormatDecoder().Decode(bytes.NewReader(data))
	if err != nil {
		return fault.New(fault.Invalid, "read syft document: %w", err)
	}
	if err := enc.Encode(w, *s); err != nil {
		return fmt.Errorf("write %s: %w", enc.ID(), err)
	}
	return nil
}
