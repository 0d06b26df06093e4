package importserver_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidepole/tidepole/formats/wire"
)

func TestScanKeepsNothing(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	if _, err := r.ImportDatabase(t.Context(), strings.NewReader("new"), "x", ""); err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Vulnerabilities struct {
			Items []wire.Vulnerability `json:"vulnerabilities"`
		} `json:"vuln_scan"`
		Check wire.Check `json:"policy_scan"`
	}
	searches := `{"media_type":"application/anchore.enterprise.local-analyze.secret-search.v1+json","metadata":{},"findings":[]}`
	r.call("POST", "/v2/scan?tag=alpine:3", `{"sbom":`+document+`,"secret_scan":`+searches+`}`, &answer)
	if len(answer.Vulnerabilities.Items) != 1 || answer.Check.Tag != "docker.io/alpine:3" || answer.Check.Evaluations[0].Status != "fail" {
		t.Errorf("%s", toJSON(t, answer))
	}
	r.call("POST", "/v2/vulnerability-scan", document, &answer.Vulnerabilities)
	if len(answer.Vulnerabilities.Items) != 1 {
		t.Errorf("%s", toJSON(t, answer))
	}
	for name, body := range map[string]string{
		"no SBOM": `{}`, "no JSON": `x`, "not syft's": `{"sbom":{}}`,
		"two SBOMs": `{"sbom":{},"sbom":` + document + `}`, "something twice within": `{"sbom":` + strings.Replace(document, "{", `{"x":{"y":1,"y":2},`, 1) + `}`,
		"nested deeply":  `{"sbom":` + strings.Replace(document, "{", `{"x":`+strings.Repeat("[", 70)+strings.Repeat("]", 70)+",", 1) + `}`,
		"another search": `{"sbom":` + document + `,"content_search":` + searches + `}`,
	} {
		if e := r.refused("POST", "/v2/scan?tag=alpine:3", body, nil); e.Code != 400 {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if e := r.refused("POST", "/v2/vulnerability-scan", strings.Replace(document, "{", `{"artifacts":[],`, 1), nil); e.Code != 400 || !strings.Contains(e.Message, "twice") {
		t.Errorf("packages twice: %+v", e)
	}
	if e := r.refused("POST", "/v2/scan?tag=a:1&policy_id=none", `{"sbom":`+document+`}`, nil); e.Code != 404 {
		t.Errorf("by a policy that there is not: %+v", e)
	}
	for path, body := range map[string]string{"/v2/scan?tag=alpine:3": document, "/v2/vulnerability-scan": `{"sbom":` + document + `}`} {
		e := r.refused("POST", path, body, nil)
		if hint := fmt.Sprint(e.Detail["hint"]); e.Code != 400 || !strings.Contains(hint, `POST /v2/scan takes {"sbom"`) || strings.Contains(hint, "--force") {
			t.Errorf("%s, with the other's body: %+v", path, e)
		}
	}
	var list struct{ Items []json.RawMessage }
	if r.call("GET", wire.RouteImages, "", &list); len(list.Items) != 0 {
		t.Errorf("images: %s", list.Items)
	}
	left, err := os.ReadDir(filepath.Join(r.dir, "tmp"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
