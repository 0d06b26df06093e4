package vulns_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/vulns"
)

type object = map[string]any

func debOf(id, name, version string, files ...string) object {
	owned := []object{}
	for _, f := range files {
		owned = append(owned, object{"path": f, "isConfigFile": false})
	}
	return object{
		"id": id, "name": name, "version": version, "type": "deb", "foundBy": "dpkg-db-cataloger", "licenses": []any{}, "language": "", "cpes": []any{},
		"locations": []object{{"path": "/var/lib/dpkg/status"}}, "purl": "pkg:deb/debian/" + name + "@" + version, "metadataType": "dpkg-db-entry",
		"metadata": object{"package": name, "source": "", "version": version, "sourceVersion": "", "architecture": "all", "maintainer": "", "installedSize": 1, "files": owned},
	}
}

const lodashFile = "/usr/share/nodejs/lodash/package.json"

func lodashOf(id string) object {
	return object{
		"id": id, "name": "lodash", "version": "4.17.11", "type": "npm", "foundBy": "javascript-package-cataloger", "licenses": []any{},
		"language": "javascript", "cpes": []any{}, "locations": []object{{"path": lodashFile}}, "purl": "pkg:npm/lodash@4.17.11",
		"metadataType": "javascript-npm-package",
		"metadata":     object{"name": "lodash", "version": "4.17.11", "author": "", "homepage": "", "description": "", "url": "", "private": false},
	}
}

func documentOf(t testing.TB, relationships []object, packages ...object) []byte {
	t.Helper()
	data, err := json.Marshal(object{
		"artifacts": packages, "artifactRelationships": relationships, "files": []any{},
		"source":     object{"id": "s", "name": "n", "version": "1", "type": "image", "metadata": object{}},
		"distro":     object{"name": "Debian GNU/Linux", "id": "debian", "versionID": "12", "prettyName": "Debian GNU/Linux 12 (bookworm)"},
		"descriptor": object{"name": "syft", "version": "1.57.0"},
		"schema":     object{"version": "16.1.13", "url": "https://raw.githubusercontent.com/anchore/syft/main/schema/json/schema-16.1.13.json"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// vulnerable are the names of the packages that something is found of.
func vulnerable(t testing.TB, d *vulns.Database, document []byte) []string {
	t.Helper()
	m, err := d.Match(context.Background(), evidence(t, document))
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, v := range m.Vulnerabilities {
		names = append(names, v.Package.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// A package of which nothing is found may own another, which is then no package of
// its own: it is not passed over, whether the document says who owns whom or not.
func TestPackagesThatNothingIsFoundOfStillOwn(t *testing.T) {
	owner, other := debOf("1", "node-lodash", "4.17.11+dfsg-1", lodashFile), debOf("3", "quiet", "1-1", "/usr/bin/quiet")
	said := []object{{"parent": "1", "child": "2", "type": "ownership-by-file-overlap"}}
	for name, test := range map[string]struct {
		relationships []object
		packages      []object
		want          []string
	}{
		"the document says so":                {said, []object{owner, lodashOf("2"), other}, []string{}},
		"the owner's files say so":            {[]object{}, []object{owner, lodashOf("2"), other}, []string{}},
		"nobody owns it":                      {[]object{}, []object{lodashOf("2"), other}, []string{"lodash"}},
		"what owns it is said to be not here": {[]object{{"parent": "9", "child": "2", "type": "ownership-by-file-overlap"}}, []object{owner, lodashOf("2"), other}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			fresh, used := open(t, vulns.Options{}), open(t, vulns.Options{})
			load(t, fresh, "older.tar.zst")
			load(t, used, "older.tar.zst")
			vulnerable(t, used, documentOf(t, []object{}, owner, other)) // from now on they are known to be silent
			document := documentOf(t, test.relationships, test.packages...)
			if diff := cmp.Diff(test.want, vulnerable(t, fresh, document)); diff != "" {
				t.Errorf("at first sight (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.want, vulnerable(t, used, document)); diff != "" {
				t.Errorf("with what is remembered (-want +got):\n%s", diff)
			}
		})
	}
}

// A document that gives several packages one ID, in whatever way, has grype take one
// for another. Nothing is remembered of it: others would not be told what is found.
func TestDocumentsCannotSilenceOthersPackages(t *testing.T) {
	harmless := func(id string) object { return debOf(id, "quiet", "1-1") }
	with := func(p object, name string, value any) object {
		p[name] = value
		return p
	}
	for name, packages := range map[string][]object{
		"the same ID":                {lodashOf("1"), harmless("1")},
		"the same ID, the other way": {harmless("1"), lodashOf("1")},
		"an ID in capitals":          {lodashOf("1"), with(harmless("2"), "ID", "1")},
		"an ID of no text":           {lodashOf("1"), with(harmless("1"), "id", nil)},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, vulns.Options{})
			load(t, d, "older.tar.zst")
			vulnerable(t, d, documentOf(t, []object{}, packages...))
			if diff := cmp.Diff([]string{"lodash"}, vulnerable(t, d, documentOf(t, []object{}, lodashOf("7")))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
