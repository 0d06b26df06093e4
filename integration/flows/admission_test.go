package flows_test

import (
	"net/url"
	"strings"
	"testing"
)

// admission decides whether an image may start: it finds out which version is
// spoken, looks for the tag, adds it where it is unknown, and asks for a verdict
// that is not kept.
func admission(s *site, tag string) (digest, verdict string) {
	s.t.Helper()
	var version struct{ API struct{ Version string } }
	s.get("/version").ok(&version)
	if version.API.Version != "2" {
		s.t.Fatalf("version %q is not spoken", version.API.Version)
	}
	var list struct {
		Items []struct {
			Digest string `json:"image_digest"`
			Status string `json:"analysis_status"`
		}
	}
	found := s.get("/v2/images?full_tag=" + url.QueryEscape(tag))
	if found.code == 404 {
		found.refused(404)
		added := s.ask("POST", "/v2/images", "application/json", `{"source":{"tag":{"pull_string":"`+tag+`"}}}`)
		if added.code != 200 {
			return "", "unknown"
		}
		s.get("/v2/images?full_tag=" + url.QueryEscape(tag)).ok(&list)
	} else {
		found.ok(&list)
	}
	digest = list.Items[0].Digest
	check := s.get("/v2/images/" + digest + "/check?interactive=true&detail=false&policy_id=default&tag=" + url.QueryEscape(tag))
	if check.code == 404 && strings.HasPrefix(check.refused(404), "image is not analyzed - analysis_status: ") {
		return digest, "wait"
	}
	var c struct{ Evaluations []struct{ Status string } }
	check.ok(&c)
	return digest, c.Evaluations[0].Status
}

func TestAnAdmissionController(t *testing.T) {
	s := newSite(t)
	const tag = "registry.example/team/app:1"
	digest, verdict := admission(s, tag)
	if verdict != "wait" {
		t.Fatalf("an image that is new: %s", verdict)
	}
	close(s.gate)
	s.until("/v2/images/"+digest, func(a answer) bool {
		var i struct {
			Status string `json:"analysis_status"`
		}
		a.ok(&i)
		return i.Status == "analyzed"
	})
	history := func() (n int) {
		var c struct{ Evaluations []any }
		s.get("/v2/images/" + digest + "/check?history=true&detail=false&tag=" + url.QueryEscape(tag)).ok(&c)
		return len(c.Evaluations)
	}
	before := history()
	for range 3 {
		if again, verdict := admission(s, tag); verdict != "fail" || again != digest {
			t.Errorf("an image with a vulnerability: %s", verdict)
		}
	}
	if after := history(); after != before {
		t.Errorf("%d verdicts are kept, not %d", after, before)
	}
	if _, verdict := admission(s, "docker.io/none:1"); verdict != "unknown" {
		t.Errorf("an image that no registry has: %s", verdict)
	}
	s.get("/v2/images/" + digest + "/check?interactive=true&policy_id=none&tag=" + url.QueryEscape(tag)).refused(404)
}
