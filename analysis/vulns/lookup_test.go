package vulns_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/vulns"
	"github.com/tidepole/tidepole/formats/fault"
)

func TestLookup(t *testing.T) {
	d := open(t, vulns.Options{})
	if got, err := d.Lookup(t.Context(), []string{"CVE-2023-4911"}); err != nil || len(got) > 0 {
		t.Errorf("without a database: %v, %v", got, err)
	}
	load(t, d, "older.tar.zst")
	all, err := d.Lookup(t.Context(), []string{"CVE-2021-44228", "CVE-2016-2781", "CVE-1999-99999", "\x00'"})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, v := range all {
		if v.Description == "" || v.Severity == "Unknown" {
			t.Errorf("%s in %s is not described: %+v", v.ID, v.Namespace, v)
		}
		lines = append(lines, strings.Join([]string{v.ID, v.Namespace, v.FixState, v.Package.Type, v.Package.Name, v.Package.Version}, "|"))
	}
	want := []string{
		"CVE-2021-44228|nvd:cpe|fixed||log4j|>= 2.13.0, < 2.15.0",
		"CVE-2016-2781|debian:distro:debian:12|wont-fix|deb|coreutils|*",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	few := open(t, vulns.Options{Limits: vulns.Limits{Affected: 1}})
	load(t, few, "older.tar.zst")
	for n, names := range [][]string{{"CVE-2016-2781"}, {"CVE-2016-2781", "CVE-2021-44228"}, {"CVE-2023-5363"}} {
		if _, err := few.Lookup(t.Context(), names); (fault.Of(err) == fault.TooLarge) != (n > 0) {
			t.Errorf("%v: %v", names, err)
		}
	}
}
