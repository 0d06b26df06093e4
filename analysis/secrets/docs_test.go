package secrets_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/secrets"
)

var update = flag.Bool("update", false, "write the table of rules into docs/secrets.md")

const (
	docs  = "../../docs/secrets.md"
	begin = "<!-- rules -->\n"
	end   = "<!-- end of rules -->\n"
)

func TestDocumentedRules(t *testing.T) {
	content, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, opened := strings.Cut(string(content), begin)
	table, after, closed := strings.Cut(rest, end)
	if !opened || !closed {
		t.Fatalf("%s has no place for the table of rules", docs)
	}
	if *update {
		if err := os.WriteFile(docs, []byte(before+begin+ruleTable()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(ruleTable(), table); diff != "" {
		t.Errorf("the table of %s is not that of the rules; renew it with -update: %s", docs, diff)
	}
}

func ruleTable() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d rules.\n\n| rule | finds | also known as |\n|---|---|---|\n", len(secrets.Rules()))
	for _, r := range secrets.Rules() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", r.Name, r.Description, strings.Join(r.Aliases, ", "))
	}
	return b.String()
}
