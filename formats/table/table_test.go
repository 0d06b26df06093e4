package table_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mattn/go-runewidth"

	"github.com/tidepole/tidepole/formats/table"
)

func sample() *table.Table {
	t := table.New(
		table.Column{Name: "Name", Shrink: true},
		table.Column{Name: "Size", Right: true},
		table.Column{Name: "Note"})
	t.Row("a-very-long-package-name-indeed", "7", "short")
	t.Row("日本語", "1024", "")
	t.Row("red\x1b[31m\nrow", "3", "a,\"b\"")
	return t
}

func TestWrite(t *testing.T) {
	tests := map[string]struct {
		width int
		want  string
	}{
		"in full": {0, "" +
			"NAME                             SIZE  NOTE\n" +
			"a-very-long-package-name-indeed     7  short\n" +
			"日本語                           1024\n" +
			"red\\x1b[31m\\nrow                    3  a,\"b\"\n"},
		"cut to a terminal": {34, "" +
			"NAME                   SIZE  NOTE\n" +
			"a-very-long-package-…     7  short\n" +
			"日本語                 1024\n" +
			"red\\x1b[31m\\nrow          3  a,\"b\"\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			if err := sample().Write(&b, test.width); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, b.String()); diff != "" {
				t.Errorf("table (-want +got):\n%s", diff)
			}
			for line := range strings.Lines(b.String()) {
				if w := runewidth.StringWidth(strings.TrimSuffix(line, "\n")); test.width > 0 && w > test.width {
					t.Errorf("line %q is %d wide, the terminal %d", line, w, test.width)
				}
			}
		})
	}
}

func TestCSV(t *testing.T) {
	var b strings.Builder
	if err := sample().CSV(&b); err != nil {
		t.Fatal(err)
	}
	want := "Name,Size,Note\n" +
		"a-very-long-package-name-indeed,7,short\n" +
		"日本語,1024,\n" +
		"red\\x1b[31m\\nrow,3,\"a,\"\"b\"\"\"\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("CSV (-want +got):\n%s", diff)
	}
}

func TestClean(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"plain text":             {"docker.io/alpine:3.22", "docker.io/alpine:3.22"},
		"letters of all kinds":   {"größe 日本 👩‍🚒", "größe 日本 👩‍🚒"},
		"an escape sequence":     {"\x1b]0;title\x07", `\x1b]0;title\a`},
		"a C1 control":           {"a\u009b31m", `a\u009b31m`},
		"lines and tabs":         {"a\nb\tc\rd", `a\nb\tc\rd`},
		"deleted characters":     {"a\x7f\b", `a\x7f\b`},
		"text turned around":     {"exe.\u202egpj", `exe.\u202egpj`},
		"bytes that are no text": {"a\xff\x9bb", `a\xff\x9bb`},
		"separators":             {"a\u2028b", `a\u2028b`},
		"the replacement rune":   {"\ufffd", "\ufffd"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := table.Clean(test.in); got != test.want {
				t.Errorf("Clean(%q) = %q, want %q", test.in, got, test.want)
			}
		})
	}
}

func TestCleaner(t *testing.T) {
	var b strings.Builder
	w := table.NewCleaner(&b)
	text := "größe\t\x1b[2J\n日本\u009b\xffx\n"
	for i := range len(text) { // every rune is torn apart
		if n, err := w.Write([]byte{text[i]}); n != 1 || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	if want := "größe\t\\x1b[2J\n日本\\u009b\\xffx\n"; b.String() != want {
		t.Errorf("cleaned %q, want %q", b.String(), want)
	}
}

func FuzzClean(f *testing.F) {
	f.Add("\x1b[31m\u009b\u202e\xff")
	f.Fuzz(func(t *testing.T, s string) {
		once := table.Clean(s)
		if strings.ContainsAny(once, "\x1b\n\r\u009b\u202e") {
			t.Errorf("Clean(%q) = %q still steers a terminal", s, once)
		}
		if table.Clean(once) != once {
			t.Errorf("Clean(%q) is not clean", s)
		}
	})
}
