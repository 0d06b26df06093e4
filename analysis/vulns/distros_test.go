package vulns_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/vulns"
)

// The database has records of debian 12, alpine 3.18 and rhel 9, and what is added here.
const moreDistros = `
insert into operating_systems (name, release_id, major_version, minor_version, codename) values
	('ubuntu', 'ubuntu', '24', '4', 'noble'), ('wolfi', 'wolfi', '', '', ''), ('archlinux', 'archlinux', '', '', ''), ('almalinux', '', '10', '', '')`

func TestMatchTellsOfDistributionsWithoutRecords(t *testing.T) {
	const missing = ": vulnerabilities of its packages may be missing"
	const apt, rpm, apkPackage, alpm = "deb", "rpm", "apk", "alpm"
	tests := map[string]struct {
		id, version, codename string
		kind                  string
		want                  string // the note, without its end
	}{
		"known":                             {"debian", "12", "bookworm", apt, ""},
		"known, with more of a version":     {"debian", "12.5", "bookworm", apt, ""},
		"known by its release":              {"alpine", "3.18.4", "", apkPackage, ""},
		"not known":                         {"sles", "15.5", "", rpm, "the vulnerability database has no records of sles 15.5"},
		"a release that is older":           {"debian", "11", "bullseye", apt, "the vulnerability database has no records of debian 11"},
		"a release that is newer":           {"debian", "13", "trixie", apt, "the vulnerability database has no records of debian 13"},
		"another release of the same first": {"alpine", "3.22.1", "", apkPackage, "the vulnerability database has no records of alpine 3.22.1, only of other releases"},
		"another codename":                  {"ubuntu", "24.10", "oracular", apt, "the vulnerability database has no records of ubuntu 24.10"},
		"with zeros":                        {"ubuntu", "24.04", "noble", apt, ""},
		"without its codename":              {"ubuntu", "24.04", "", apt, ""},
		"a release of what holds for all":   {"rhel", "9.4", "", rpm, ""},
		"by another name":                   {"centos", "9", "", rpm, ""},
		"by yet another":                    {"rocky", "9.3", "", rpm, ""},
		"by another name, without records":  {"almalinux", "10", "", rpm, "the vulnerability database has no records of almalinux 10"}, // only of what is not affected
		"by its parent's name":              {"raspbian", "12", "", apt, ""},
		"rolling":                           {"wolfi", "20230201", "", apkPackage, ""},
		"rolling, by another name":          {"arch", "", "", alpm, ""},
		"rolling, without records":          {"chainguard", "20230214", "", apkPackage, "the vulnerability database has no records of chainguard 20230214"},
		"no packages of the distribution":   {"sles", "15.5", "", "", ""},
	}
	d := open(t, vulns.Options{})
	if _, err := d.Import(context.Background(), bytes.NewReader(changed(t, moreDistros)), "more.db", "", nil); err != nil {
		t.Fatal(err)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			document := documentOf(t, []object{}, lodashOf("1"))
			if test.kind != "" {
				of := object{"id": "2", "name": "quiet", "version": "1-1", "type": test.kind, "foundBy": "x", "locations": []any{}, "licenses": []any{}, "language": "", "cpes": []any{}, "purl": ""}
				document = documentOf(t, []object{}, lodashOf("1"), of)
			}
			distro := object{"id": test.id, "versionID": test.version, "versionCodename": test.codename}
			document = withMember(t, document, "distro", distro)
			for _, time := range []string{"at first sight", "with what is remembered"} {
				got, err := d.Match(context.Background(), evidence(t, document))
				if err != nil {
					t.Fatal(err)
				}
				var want []string
				if test.want != "" {
					want = []string{test.want + missing}
				}
				if diff := cmp.Diff(want, got.Notes); diff != "" {
					t.Errorf("%s (-want +got):\n%s", time, diff)
				}
				if got.DistroUnknown != (test.want != "") {
					t.Errorf("%s: the distribution is unknown: %v", time, got.DistroUnknown)
				}
				if len(got.Vulnerabilities) == 0 || !strings.HasPrefix(got.Vulnerabilities[0].Package.Name, "lodash") {
					t.Errorf("%s: what other packages have is not told: %+v", time, got.Vulnerabilities)
				}
			}
		})
	}
}

func withMember(t *testing.T, document []byte, name string, value any) []byte {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(document, &all); err != nil {
		t.Fatal(err)
	}
	all[name] = value
	data, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
