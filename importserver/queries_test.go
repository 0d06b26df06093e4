package importserver_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
)

// queried has a server with images of openssl and left-pad, of which one
// vulnerability is found, and which are named one after the other.
func queried(t *testing.T, names ...string) *running {
	t.Helper()
	e := &engine{}
	e.now = report.Database{Present: true, Digest: "d"}
	r := start(t, e, options(t.TempDir()))
	for n, name := range names {
		if _, err := r.Import(context.Background(), newBundle(t, image{digest: digestOf(n + 1), tags: []string{name}}), wire.AddOptions{}); err != nil {
			t.Fatal(err)
		}
		r.await(digestOf(n+1), wire.Analyzed)
	}
	return r
}

func digestsOf[T any](list []T, digest func(T) string) []string {
	all := []string{}
	for _, one := range list {
		all = append(all, digest(one))
	}
	return all
}

func TestImagesByPackage(t *testing.T) {
	r := queried(t, "a.example/one:1", "a.example/two:1", "a.example/three:1")
	all := []string{digestOf(1), digestOf(2), digestOf(3)}
	for query, want := range map[string][]string{
		"name=openssl":                           all,
		"name=openssl&limit=0&page=7":            all,
		"name=openssl&package_type=dpkg":         all,
		"name=openssl&package_type=DEB":          all,
		"name=openssl&package_type=npm":          {},
		"name=openssl&version=3.0.1-1":           all,
		"name=openssl&version=3":                 {},
		"name=open":                              {},
		"name=left-pad&limit=2":                  all[:2],
		"name=left-pad&limit=2&page=2":           all[2:],
		"name=left-pad&limit=2&page=3":           {},
		"name=left-pad&limit=3":                  all,
		"name=left-pad&version=1.0.0&limit=1000": all,
	} {
		var got wire.ImagesByPackage
		r.call("GET", "/v2/query/images/by-package?"+query, "", &got)
		if diff := cmp.Diff(want, digestsOf(got.Images, func(i wire.ImageWithPackages) string { return i.Image.Digest })); diff != "" {
			t.Errorf("%s: %s", query, diff)
		}
		next := ""
		if query == "name=left-pad&limit=2" {
			next = "2"
		}
		if got.NextPage != next || got.Returned != len(want) || got.Page.Page == "" {
			t.Errorf("%s: the page is %+v", query, got.Page)
		}
	}
	var got wire.ImagesByPackage
	r.call("GET", "/v2/query/images/by-package?name=openssl", "", &got)
	one := got.Images[0]
	if diff := cmp.Diff([]wire.PackageReference{{Name: "openssl", Version: "3.0.1-1", Type: "dpkg"}}, one.Packages); diff != "" {
		t.Error(diff)
	}
	if one.Image.ImageID != digestOf(1<<20) || one.Image.AnalyzedAt == "" || len(one.Image.Tags) != 1 || one.Image.Tags[0].FullTag != "a.example/one:1" ||
		one.Image.Tags[0].Registry != "a.example" || one.Image.Tags[0].Repository != "one" || one.Image.Tags[0].Tag != "1" {
		t.Errorf("the image is named as %+v", one.Image)
	}
	r.population("other")
	if resp, text := r.request("GET", "/v2/query/images/by-package?name=openssl", nil, basic("user-other", userPassword)); resp.StatusCode != 200 || !strings.Contains(text, `"images":[]`) {
		t.Errorf("another account is told: %d %s", resp.StatusCode, text)
	}
}

func TestImagesByVulnerability(t *testing.T) {
	r := queried(t, "a.example/one:1", "a.example/two:1")
	all := []string{digestOf(1), digestOf(2)}
	for query, want := range map[string][]string{
		"":                           all,
		"&namespace=debian:12":       all,
		"&namespace=ebian:12":        {},
		"&severity=High":             all,
		"&severity=Low":              {},
		"&affected_package=openssl":  all,
		"&affected_package=left-pad": {},
		"&vendor_only=false":         all,
		"&limit=1":                   all[:1],
		"&limit=1&page=2":            all[1:],
	} {
		var got wire.ImagesByVulnerability
		r.call("GET", "/v2/query/images/by-vulnerability?vulnerability_id=CVE-1+by+d"+query, "", &got)
		if diff := cmp.Diff(want, digestsOf(got.Images, func(i wire.VulnerableImage) string { return i.Image.Digest })); diff != "" {
			t.Errorf("%q: %s", query, diff)
		}
		for _, i := range got.Images {
			want := []wire.VulnerablePackage{{
				Name: "openssl", Version: "3.0.1-1", Type: "dpkg", Namespace: "debian:distro:debian:12", Severity: "High", VulnerabilityID: "CVE-1 by d",
			}}
			if diff := cmp.Diff(want, i.Packages); diff != "" {
				t.Errorf("%q: %s", query, diff)
			}
		}
	}
	r.population("other")
	if resp, text := r.request("GET", "/v2/query/images/by-vulnerability?vulnerability_id=CVE-1+by+d", nil, basic("user-other", userPassword)); resp.StatusCode != 200 || !strings.Contains(text, `"images":[]`) {
		t.Errorf("another account is told: %d %s", resp.StatusCode, text)
	}
}

func TestKnownVulnerabilities(t *testing.T) {
	r := queried(t, "a.example/one:1", "a.example/two:1")
	for query, want := range map[string]int{
		"":                                  1,
		",CVE-2":                            1,
		"&namespace=debian:11,debian:12":    1,
		"&namespace=debian:11":              0,
		"&affected_package=openssl":         1,
		"&affected_package=left-pad":        0,
		"&affected_package_version=3.0.1-1": 1,
		"&affected_package_version=3":       0,
		"&limit=1":                          1,
		"&limit=1&page=2":                   0,
	} {
		var got wire.KnownVulnerabilities
		r.call("GET", "/v2/query/vulnerabilities?id=CVE-1+by+d"+query, "", &got)
		if len(got.Vulnerabilities) != want || got.Returned != want {
			t.Errorf("%q: %+v", query, got)
		}
	}
	left := false
	got, err := r.KnownVulnerabilities(t.Context(), wire.KnownFilter{IDs: []string{"CVE-1 by d"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []wire.KnownVulnerability{{
		ID: "CVE-1 by d", Namespace: "debian:distro:debian:12", Severity: "High", References: []wire.KnownReference{},
		Packages: []wire.PackageReference{{Name: "openssl", Version: "3.0.1-1", Type: "dpkg", WillNotFix: &left}},
		NVD:      []wire.Score{}, Vendor: []wire.Score{},
	}}
	if diff := cmp.Diff(want, got.Vulnerabilities); diff != "" {
		t.Error(diff)
	}
	other, err := r.server.Account("other").KnownVulnerabilities(t.Context(), wire.KnownFilter{IDs: []string{"CVE-1 by d"}})
	if err != nil || len(other.Vulnerabilities) != 0 {
		t.Errorf("another account is told of %+v, %v", other.Vulnerabilities, err)
	}
}

// TestVulnerabilitiesThatNothingHas: the database is asked, too, and what an image told
// of a record stands.
func TestVulnerabilitiesThatNothingHas(t *testing.T) {
	var asked []string
	of := func(id, namespace, name, version string) report.Vulnerability {
		return report.Vulnerability{
			ID: id, Namespace: namespace, Severity: "Low", FixState: "wont-fix",
			Package: report.Package{Type: "deb", Name: name, Version: version},
		}
	}
	r := start(t, &engine{lookup: func(_ context.Context, names []string) ([]report.Vulnerability, error) {
		asked = names
		return []report.Vulnerability{
			of("CVE-2", "debian:distro:debian:12", "zlib", "< 2 (deb)"), of("CVE-2", "debian:distro:debian:12", "zlib", "< 2 (deb)"),
			of("CVE-2", "debian:distro:debian:12", "bash", "< 3 (deb)"), of("CVE-2", "debian:distro:debian:11", "zlib", "< 1 (deb)"),
		}, nil
	}}, options(t.TempDir()))
	left := true
	zlib, bash := wire.PackageReference{Name: "zlib", Version: "< 2 (deb)", Type: "dpkg", WillNotFix: &left}, wire.PackageReference{Name: "bash", Version: "< 3 (deb)", Type: "dpkg", WillNotFix: &left}
	older := wire.PackageReference{Name: "zlib", Version: "< 1 (deb)", Type: "dpkg", WillNotFix: &left}
	for name, test := range map[string]struct {
		f    wire.KnownFilter
		want [][]wire.PackageReference
	}{
		"all":            {wire.KnownFilter{}, [][]wire.PackageReference{{older}, {zlib, bash}}},
		"of a namespace": {wire.KnownFilter{Namespaces: []string{"debian:12"}}, [][]wire.PackageReference{{zlib, bash}}},
		"of a package":   {wire.KnownFilter{Package: "bash"}, [][]wire.PackageReference{{bash}}},
		"of a version":   {wire.KnownFilter{PackageVersion: "< 1 (deb)"}, [][]wire.PackageReference{{older}}},
		"a page":         {wire.KnownFilter{PageRequest: wire.PageRequest{Page: 2, Limit: 1}}, [][]wire.PackageReference{{zlib, bash}}},
	} {
		test.f.IDs = []string{"cve-2"}
		got, err := r.KnownVulnerabilities(t.Context(), test.f)
		if err != nil {
			t.Fatal(err)
		}
		var packages [][]wire.PackageReference
		for _, v := range got.Vulnerabilities {
			packages = append(packages, v.Packages)
		}
		if diff := cmp.Diff(test.want, packages); diff != "" || got.Returned != len(test.want) {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if diff := cmp.Diff([]string{"CVE-2", "cve-2"}, asked); diff != "" {
		t.Error(diff)
	}
}

func TestQueriesRefuse(t *testing.T) {
	r := queried(t)
	for _, path := range []string{"images/by-package?name=x", "images/by-vulnerability?vulnerability_id=x", "vulnerabilities?id=x"} {
		for _, page := range []string{"page=x", "page=0", "page=-1", "page=1000001", "limit=-1", "limit=x", "limit=1.5", "page=99999999999999999999"} {
			if e := r.refused("GET", "/v2/query/"+path+"&"+page, "", nil); e.Code != 400 {
				t.Errorf("%s&%s: %d", path, page, e.Code)
			}
		}
		for _, limit := range []string{"1000000000", "99999999999999999999999"} { // which are all that a page may have
			r.call("GET", "/v2/query/"+path+"&limit="+limit, "", nil)
		}
		if e := r.refused("GET", "/v2/query/"+path+"&limit=-1", "", nil); !strings.Contains(fmt.Sprint(e.Detail["hint"]), "1000000") {
			t.Errorf("%s: a limit below 0: %+v", path, e)
		}
		bare, _, _ := strings.Cut(path, "?")
		if e := r.refused("GET", "/v2/query/"+bare, "", nil); e.Code != 400 {
			t.Errorf("%s: %d", bare, e.Code)
		}
	}
	many := make([]string, 1001)
	for n := range many {
		many[n] = fmt.Sprint("CVE-", n)
	}
	if _, err := r.KnownVulnerabilities(t.Context(), wire.KnownFilter{IDs: many}); fault.Of(err) != fault.Invalid {
		t.Errorf("1001 vulnerabilities at once: %v", err)
	}
}
