package figures_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tidepole/tidepole/integration/figures"
)

func TestTablesGoBetweenTheirMarks(t *testing.T) {
	const begin, end = "<!-- x: begin -->", "<!-- x: end -->"
	for name, test := range map[string]struct{ page, want string }{
		"the old table goes": {"a\n" + begin + "\nold\n" + end + "\nz\n", "a\n" + begin + "\nnew\n" + end + "\nz\n"},
		"no marks":           {"a\n", ""},
		"another's marks":    {"<!-- y: begin --><!-- y: end -->", ""},
		"no end":             {"a\n" + begin, ""},
		"the end first":      {end + begin, ""},
	} {
		got, err := figures.Fill(test.page, "x", "new\n")
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestAPageWithoutMarksStays(t *testing.T) {
	dir := t.TempDir()
	page := filepath.Join(dir, "performance.md")
	if err := os.WriteFile(page, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := figures.Write(dir, "x", "new"); err == nil {
		t.Error("it was written to")
	}
	if got, err := os.ReadFile(page); string(got) != "text" || err != nil {
		t.Errorf("it is %q, %v", got, err)
	}
}
