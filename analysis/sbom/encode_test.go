package sbom_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/sbom"
	"github.com/tidepole/tidepole/formats/fault"
)

func TestEncode(t *testing.T) {
	doc := ours(t, imageOf(t, distro))
	tests := map[string]struct {
		want  []string
		valid func(string) bool
	}{
		"syft-json":      {[]string{`"zlib1g"`}, func(s string) bool { return s == doc }},
		"spdx-json":      {[]string{`"spdxVersion"`, `"zlib1g"`, "pkg:deb/debian/zlib1g"}, isJSON},
		"spdx-tag-value": {[]string{"SPDXVersion: ", "PackageName: zlib1g"}, nil},
		"cyclonedx-json": {[]string{`"bomFormat"`, "pkg:deb/debian/zlib1g"}, isJSON},
		"cyclonedx-xml":  {[]string{"<bom ", "<name>zlib1g</name>"}, isXML},
		"table":          {[]string{"NAME", "zlib1g"}, nil},
		"text":           {[]string{"[zlib1g]", "1:1.2.13.dfsg-1"}, nil},
	}
	var names []string
	for _, format := range sbom.Formats() {
		names = append(names, format)
		t.Run(format, func(t *testing.T) {
			var out strings.Builder
			if err := sbom.Encode(t.Context(), format, strings.NewReader(doc), &out); err != nil {
				t.Fatal(err)
			}
			for _, want := range tests[format].want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %s in %.500s", want, out.String())
				}
			}
			if valid := tests[format].valid; valid != nil && !valid(out.String()) {
				t.Errorf("not valid: %.500s", out.String())
			}
		})
	}
	slices.Sort(names)
	want := []string{"cyclonedx-json", "cyclonedx-xml", "spdx-json", "spdx-tag-value", "syft-json", "table", "text"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("formats (-want +got):\n%s", diff)
	}
}

func TestEncodeIsSafeOnATerminal(t *testing.T) {
	doc := strings.ReplaceAll(ours(t, imageOf(t, distro)), `"name":"zlib1g"`, `"name":"zlib\u001b[2J\u009b1g"`)
	for _, format := range []string{"table", "text"} {
		var out strings.Builder
		if err := sbom.Encode(t.Context(), format, strings.NewReader(doc), &out); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(out.String(), "\x1b\u009b") || !strings.Contains(out.String(), "zlib") || strings.Count(out.String(), "\n") < 2 {
			t.Errorf("%s: %q", format, out.String())
		}
	}
}

func isJSON(s string) bool { return json.Valid([]byte(s)) }

func isXML(s string) bool { return xml.Unmarshal([]byte(s), new(struct{})) == nil }

func TestEncodeRefuses(t *testing.T) {
	err := sbom.Encode(t.Context(), "pdf", strings.NewReader("{}"), io.Discard)
	if fault.Of(err) != fault.Invalid || !strings.Contains(fault.Hint(err), "cyclonedx-json") {
		t.Errorf("error is %v, hint %q", err, fault.Hint(err))
	}
	for _, text := range []string{"", "{}", `{"artifacts":[`, "text"} {
		if err := sbom.Encode(t.Context(), "spdx-json", strings.NewReader(text), io.Discard); fault.Of(err) != fault.Invalid {
			t.Errorf("%q: error is %v", text, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, format := range []string{"syft-json", "table"} {
		if err := sbom.Encode(ctx, format, bytes.NewReader([]byte("{}")), io.Discard); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error is %v", format, err)
		}
	}
}
