package importserver_test

import (
	"strings"
	"testing"

	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
)

func TestVulnerabilitiesInOtherFormats(t *testing.T) {
	r := analysed(t, &engine{})
	var d report.Database
	r.call("POST", wire.RouteDatabase+"?name=one.tar", "one", &d)
	r.matchedWith(1, "sha256:one")
	image := "/v2/images/" + digestOf(1)
	for path, want := range map[string][]string{
		"/vuln/all/cyclonedx-json":    {"application/json", `"bomFormat": "CycloneDX"`, `"id": "CVE-1 by sha256:one"`, `"affects"`},
		"/vuln/non-os/cyclonedx-json": {"application/json", `"vulnerabilities": []`},
		"/vuln/os/cyclonedx-xml":      {"application/xml", "<id>CVE-1 by sha256:one</id>"},
		"/vex/openvex":                {"application/json", `"@context": "https://openvex.dev/ns/v0.2.0"`, `"status": "affected"`, "pkg:oci/a@sha256%3A"},
		"/vex/cyclonedx-json":         {"application/json", `"state": "exploitable"`},
		"/vex/cyclonedx-xml":          {"application/xml", "<state>exploitable</state>"},
	} {
		resp, text := r.request("GET", image+path, nil, nil)
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != want[0] {
			t.Errorf("%s: %d %s", path, resp.StatusCode, resp.Header.Get("Content-Type"))
		}
		for _, w := range want[1:] {
			if !strings.Contains(text, w) {
				t.Errorf("%s: lacks %s: %s", path, w, text)
			}
		}
	}
	for path, code := range map[string]int{"/vuln/most/cyclonedx-json": 400, "/vex/poem": 404} {
		if e := r.refused("GET", image+path, "", nil); e.Code != code {
			t.Errorf("%s: %+v", path, e)
		}
	}
	if e := r.refused("GET", "/v2/images/"+digestOf(9)+"/vex/openvex", "", nil); e.Code != 404 {
		t.Errorf("of an unknown image: %+v", e)
	}
}
