package table_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/table"
)

func TestWriteFits(t *testing.T) {
	tests := map[string]struct {
		width int
		want  string
	}{
		"in full, but for what has a width of its own": {0, "" +
			"GATE     KIND  TEXT                                              PATH\n" +
			"secrets  deb   a key was found in the file that is called that…  /srv/app/key.pem\n"},
		"wrapped": {66, "" +
			"GATE     KIND  TEXT                               PATH\n" +
			"secrets  deb   a key was found in the file that   /srv/app/key.pem\n" +
			"               is called that way\n"},
		"less important columns left out, others cut": {54, "" +
			"GATE     TEXT                              PATH\n" +
			"secrets  a key was found in the file that  /srv/app/k…\n" +
			"         is called that way\n"},
		"too narrow for a table": {30, "" +
			"Gate: secrets\n" +
			"Kind: deb\n" +
			"Text: a key was found in the\n" +
			"  file that is called that way\n" +
			"Path: /srv/app/key.pem\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			text := table.Column{Name: "Text", Wrap: true}
			if test.width == 0 {
				text = table.Column{Name: "Text", Shrink: true, Max: 48}
			}
			rows := table.New(table.Column{Name: "Gate"}, table.Column{Name: "Kind", Drop: 1}, text, table.Column{Name: "Path", Shrink: true})
			rows.Row("secrets", "deb", "a key was found in the file that is called that way", "/srv/app/key.pem")
			var b strings.Builder
			if err := rows.Write(&b, test.width); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, b.String()); diff != "" {
				t.Errorf("table (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWrap(t *testing.T) {
	tests := map[string]struct {
		in    string
		width int
		want  []string
	}{
		"any width":           {"one two", 0, []string{"one two"}},
		"between words":       {"one two three", 8, []string{"one two", "  three"}},
		"long words":          {"one sha256:0123456789 two", 6, []string{"one sha256:0123456789", "  two"}},
		"wide letters":        {"日本 日本", 6, []string{"日本", "  日本"}},
		"nothing":             {"", 6, []string{""}},
		"narrower than a run": {"日本", 1, []string{"日本"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, table.Wrap(test.in, test.width, "  ")); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
		})
	}
}
