package flows_test

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
)

// TestAPlugin is a step of a build, over version 2: it adds an image with its
// Dockerfile, waits until it may be checked, and fails the build by the verdict.
func TestAPlugin(t *testing.T) {
	s := newSite(t)
	close(s.gate)
	type image struct {
		Digest string `json:"image_digest"`
		Status string `json:"analysis_status"`
		Detail []struct {
			FullTag    string  `json:"full_tag"`
			Dockerfile *string `json:"dockerfile"`
		} `json:"image_detail"`
	}
	add := func(tag, dockerfile string) (i image) {
		t.Helper()
		// A plugin may say more than the description knows.
		s.ask("POST", "/v2/images?force=false&auto_subscribe=true&plugin=1", "application/json; charset=utf-8",
			`{"image_type":"docker","source":{"tag":{"pull_string":"`+tag+`"`+dockerfile+`}},"annotations":{"build":"7"},"plugin_version":"1.0"}`).ok(&i)
		return i
	}
	ready := func(digest string) {
		t.Helper()
		s.until("/v2/images/"+digest+"/vuln/all", func(a answer) bool {
			if a.code == 200 {
				return true
			}
			if m := a.refused(404); !strings.HasPrefix(m, "image is not analyzed - analysis_status: ") {
				t.Fatalf("what is waited for is refused: %s", m)
			}
			return false
		})
	}
	base := add("registry.example/base:1", "")
	ready(base.Digest)
	const tag = "registry.example/app:1"
	file := base64.StdEncoding.EncodeToString([]byte("FROM base:1\nCOPY . /\n"))
	i := add(tag, `,"dockerfile":"`+file+`"`)
	if i.Detail[0].FullTag != tag {
		t.Fatalf("it was added as %+v", i)
	}
	ready(i.Digest)
	s.get("/v2/images/" + i.Digest).ok(&i)
	if i.Status != "analyzed" || i.Detail[0].Dockerfile == nil || *i.Detail[0].Dockerfile != file {
		t.Errorf("it became %+v", i)
	}

	var ancestors []struct {
		Digest string `json:"image_digest"`
	}
	s.get("/v2/images/" + i.Digest + "/ancestors").ok(&ancestors)
	if len(ancestors) != 1 || ancestors[0].Digest != base.Digest {
		t.Errorf("its ancestors are %+v", ancestors)
	}

	type finding struct {
		Gate, Trigger, Action, Message string
		TriggerID                      string `json:"trigger_id"`
		Inherited                      *bool  `json:"inherited_from_base"`
	}
	var check struct {
		Digest      string `json:"image_digest"`
		Tag         string `json:"evaluated_tag"`
		PolicyID    string `json:"policy_id"`
		Evaluations []struct {
			Status  string
			Final   string `json:"final_action"`
			Count   int    `json:"number_of_findings"`
			Details *struct{ Findings []finding }
		}
	}
	s.get("/v2/images/" + i.Digest + "/check?detail=true&interactive=false&base_digest=auto&tag=" + url.QueryEscape(tag)).ok(&check)
	if check.Digest != i.Digest || check.Tag != tag || check.PolicyID != "default" || len(check.Evaluations) != 1 {
		t.Fatalf("the check is %+v", check)
	}
	if e := check.Evaluations[0]; e.Status != "fail" || e.Final != "stop" || e.Count != 1 || e.Details == nil || len(e.Details.Findings) != 1 || e.Details.Findings[0].Gate != "vulnerabilities" {
		t.Errorf("the evaluation is %+v", e)
	}

	var v struct {
		Digest          string `json:"image_digest"`
		Vulnerabilities []struct {
			Vuln, Severity, Fix string
			Name                string `json:"package_name"`
			KEV                 *bool  `json:"is_kev"`
		}
	}
	s.get("/v2/images/" + i.Digest + "/vuln/all?vendor_only=true&include_vuln_description=true&base_digest=" + base.Digest).ok(&v)
	if v.Digest != i.Digest || len(v.Vulnerabilities) != 1 || v.Vulnerabilities[0].Name != "openssl" || v.Vulnerabilities[0].KEV == nil {
		t.Errorf("its vulnerabilities are %+v", v)
	}

	again := s.ask("POST", "/v2/images", "application/json", `{"source":{"tag":{"pull_string":"`+tag+`","dockerfile":"`+file+`"}}}`)
	if m := again.refused(400); m != "Cannot specify dockerfile for an image that already exists unless using force=True for re-analysis" {
		t.Errorf("a Dockerfile for an image that is there: %s", m)
	}
	var e struct {
		Detail struct {
			Codes []string `json:"error_codes"`
		}
	}
	none := s.ask("POST", "/v2/images", "application/json", `{"source":{"tag":{"pull_string":"docker.io/none:1"}}}`)
	if none.code != 400 {
		t.Fatalf("an image that no registry has: %d %s", none.code, none.body)
	}
	none.code = 200 // to read it
	none.ok(&e)
	if len(e.Detail.Codes) != 1 || e.Detail.Codes[0] != "REGISTRY_IMAGE_NOT_FOUND" {
		t.Errorf("the refusal has the codes %v", e.Detail.Codes)
	}
	s.pass = "wrong"
	if a := s.get("/v2/images"); a.code != 401 || a.body != "Unauthorized" || a.header.Get("WWW-Authenticate") != `basic realm="Authentication required"` {
		t.Errorf("with a wrong password: %d %q %v", a.code, a.body, a.header)
	}
}
