package main

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func measured(j job, runs ...measure) Measured { return Measured{j, runs} }

func wall(seconds float64, mib int64) measure {
	return measure{Wall: time.Duration(seconds * float64(time.Second)), CPU: time.Second, Peak: mib << 20}
}

func TestTargets(t *testing.T) {
	r := Results{
		Images: []Facts{{Name: reference, Inflated: 1 << 30}},
		Measures: []Measured{
			measured(job{tidepole, reference, registry, empty}, wall(30, 100), wall(8, 110), wall(9, 120)),
			measured(job{Tool: syft, Image: reference, Source: registry}, wall(20, 1000)),
			measured(job{tidepole, reference, registry, filled}, wall(0.5, 60)),
		},
		Comparisons: []Comparison{{"reference, registry", []difference{{Section: packages, Syft: 3, Missing: []string{"a"}}}}},
		Secrets:     &Secrets{Planted: 2},
	}
	got := map[string]string{}
	for _, row := range r.targets() {
		got[row.Measure] = row.Value + ", " + row.Met
	}
	want := map[string]string{
		"wall, registry, against syft":                       "0.45, yes",
		"CPU, registry, against syft":                        "1.00, ",
		"peak memory, registry, against syft":                "0.11, yes",
		"disk written, registry, against the inflated image": "0.00, yes",
		"left in the temporary folder":                       "0 B, yes",
		"the same image again, registry":                     "0.50 s, no",
		"planted secrets found":                              "2 of 2, yes",
		"answer equal to syft's: reference, registry":        "1 missing, 0 more, no",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPlotIsAPicture(t *testing.T) {
	r := Results{Images: []Facts{{Name: quarter, Inflated: 1 << 28}, {Name: reference, Inflated: 1 << 30}}}
	for _, name := range []string{quarter, reference} {
		r.Measures = append(r.Measures, measured(job{tidepole, name, registry, empty}, wall(2, 100)), measured(job{Tool: syft, Image: name, Source: registry}, wall(9, 700)))
	}
	svg := plot(r)
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(svg, "<polyline"); n != 4 {
		t.Errorf("%d lines", n)
	}
	if got := plot(Results{}); got != "" {
		t.Errorf("nothing gives %q", got)
	}
}

func TestComparisonNamesWhatDiffers(t *testing.T) {
	read := func(version string) sections {
		s, err := readSections(strings.NewReader(`{"artifacts": [{"id": "1", "name": "a", "version": "` + version + `", "type": "deb", "locations": [{"path": "/p", "layerID": "l"}]}],
			"artifactRelationships": [{"parent": "src-` + version + `", "child": "1", "type": "contains"}],
			"files": [{"id": "f", "location": {"path": "/p", "layerID": "l"}, "metadata": {"mode": 644, "type": "RegularFile"}, "digests": []}],
			"source": {"id": "src-` + version + `"}}`))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	want := []difference{
		{Section: packages, Syft: 1, Tidepole: 1, Missing: []string{"deb a 1 1  =/p@l"}, More: []string{"deb a 2 1  =/p@l"}},
		{Section: relationships, Syft: 1, Tidepole: 1},
		{Section: fileMetadata, Syft: 1, Tidepole: 1},
		{Section: executables},
	}
	if diff := cmp.Diff(want, compare(read("1"), read("2"))); diff != "" {
		t.Error(diff)
	}
}

func TestWhatSyftItselfIsUnsureOfIsToldApart(t *testing.T) {
	peer := sections{packages: {"kept": true, "gone": true}, relationships: {"a contains b": true, "a evident-by f": true}}
	own := sections{packages: {"kept": true}, relationships: {"a contains c": true, "never": true}}
	again := sections{packages: {"kept": true, "gone": true}, relationships: {"a contains c": true, "a evident-by f": true}}
	list := compare(peer, own)
	for n := range list {
		list[n].settle(again)
	}
	want := []difference{
		{Section: packages, Syft: 2, Tidepole: 1, Missing: []string{"gone"}},
		{Section: relationships, Syft: 2, Tidepole: 2, Missing: []string{"a evident-by f"}, More: []string{"never"}, Unsteady: []string{"a contains b", "a contains c"}},
		{Section: fileMetadata}, {Section: executables},
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Error(diff)
	}
	if !unequal(list) {
		t.Error("what is missing is no difference")
	}
	rows := Results{Comparisons: []Comparison{{"one", []difference{{Section: packages, Unsteady: []string{"x"}}}}, {"two", list}}}.equal()
	if rows[0].Met != "yes" || !strings.Contains(rows[0].Value, "syft's own runs differ") || rows[1].Met != "no" {
		t.Errorf("%+v", rows)
	}
}
