package openapi_test

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/tidepole/tidepole/importserver/openapi"
)

var update = flag.Bool("update", false, "write docs/api.md anew")

const page = "../../docs/api.md"

// TestThePageIsCurrent compares docs/api.md with the description; with -update, it
// writes it.
func TestThePageIsCurrent(t *testing.T) {
	d, err := openapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := string(data)
	for name, text := range map[string]string{"operations": d.Reference(), "differences": d.Differences()} {
		begin, end := "<!-- "+name+": begin -->", "<!-- "+name+": end -->"
		before, rest, ok := strings.Cut(want, begin)
		_, after, too := strings.Cut(rest, end)
		if !ok || !too {
			t.Fatalf("%s has no place for the %s", page, name)
		}
		want = before + begin + "\n\n" + strings.TrimSpace(text) + "\n\n" + end + after
	}
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(data) {
		t.Errorf("%s is not what the description says; run: go test ./importserver/openapi -run Page -update", page)
	}
}

// TestNoSummaryIsAPlaceholder: each operation says in a sentence what it does.
func TestNoSummaryIsAPlaceholder(t *testing.T) {
	d, err := openapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(d.Reference(), "\n") {
		cells := strings.Split(line, " | ")
		if len(cells) == 4 && cells[1] != "what it does" && (len(strings.Fields(cells[1])) < 3 || !strings.HasSuffix(cells[1], ".")) {
			t.Errorf("%s: %q tells nothing", cells[0], cells[1])
		}
	}
}
