package flows_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// commandLine is an older command line: the address it is given ends in /v1.
type commandLine struct {
	*site
	body bool // filters go into the bodies of GETs, as the oldest ones send them
}

// probe is what it asks before anything else.
func (c *commandLine) probe() {
	c.t.Helper()
	if a := c.get("/v1"); a.code != 200 || strings.TrimSpace(a.body) != `"v1"` {
		c.t.Fatalf("/v1: %d %s", a.code, a.body)
	}
	var d struct{ Info struct{ Version string } }
	c.get("/v1/swagger.json").ok(&d)
	var major, minor, patch int
	if _, err := fmt.Sscanf(d.Info.Version, "%d.%d.%d", &major, &minor, &patch); err != nil || major == 0 && minor <= 1 && patch < 6 {
		c.t.Fatalf("version %q has it filter by the bodies of GETs: %v", d.Info.Version, err)
	}
	if a := c.get("/health"); a.code != 200 || a.body != "" {
		c.t.Errorf("/health: %d %q", a.code, a.body)
	}
}

// find asks for the newest image of a tag.
func (c *commandLine) find(tag string) answer {
	c.t.Helper()
	if c.body {
		return c.ask("GET", "/v1/images", "application/json", `{"tag": "`+tag+`", "history": false}`)
	}
	return c.get("/v1/images?history=false&fulltag=" + url.QueryEscape(tag))
}

type olderImage struct {
	ImageDigest string
	Status      string `json:"analysis_status"`
	Record      string `json:"image_status"`
	Detail      []struct {
		Fulltag, Fulldigest, ImageID, Registry, Repo string
		Dockerfile                                   *string
	} `json:"image_detail"`
}

func TestAnOlderCommandLine(t *testing.T) {
	for name, body := range map[string]bool{"by query": false, "by the body of a GET": true} {
		t.Run(name, func(t *testing.T) {
			c := &commandLine{newSite(t), body}
			c.probe()
			c.works()
		})
	}
}

// works adds an image, waits for it, and reads all about it.
func (c *commandLine) works() {
	t := c.t
	const tag = "registry.example/app:1"
	if m := c.find(tag).refused(404); m != "image data not found in DB" {
		t.Errorf("an image that is not there: %q", m)
	}
	dockerfile := base64.StdEncoding.EncodeToString([]byte("FROM scratch\n"))
	var added []olderImage
	c.ask("POST", "/v1/images?autosubscribe=true", "application/json", `{"tag": "`+tag+`", "dockerfile": "`+dockerfile+`", "annotations": {"a": "b"}}`).ok(&added)
	if len(added) != 1 || added[0].Status != "not_analyzed" || added[0].Record != "active" || added[0].Detail[0].Fulltag != tag {
		t.Fatalf("it was added as %+v", added)
	}
	digest, id := added[0].ImageDigest, added[0].Detail[0].ImageID
	for _, path := range []string{"/vuln/all", "/content/os", "/check?tag=" + tag} {
		if m := c.get("/v1/images/" + digest + path).refused(404); !strings.HasPrefix(m, "image is not analyzed - analysis_status: ") {
			t.Errorf("%s of an image that is not analysed: %q", path, m)
		}
	}
	close(c.gate)
	c.until("/v1/images/"+digest, func(a answer) bool {
		var list []olderImage
		a.ok(&list)
		return list[0].Status == "analyzed"
	})

	var list, found, byID []olderImage
	c.get("/v1/images").ok(&list)
	c.find(tag).ok(&found)
	c.get("/v1/images/by_id/" + id).ok(&byID)
	for _, l := range [][]olderImage{list, found, byID} {
		if len(l) != 1 || l[0].ImageDigest != digest {
			t.Errorf("found %+v", l)
		}
	}

	var v struct {
		ImageDigest     string
		Kind            string `json:"vulnerability_type"`
		Vulnerabilities []struct{ Vuln, Severity, Fix, Package, URL string }
	}
	c.get("/v1/images/" + digest + "/vuln/all?force_refresh=False&vendor_only=True").ok(&v)
	if v.ImageDigest != digest || v.Kind != "all" || len(v.Vulnerabilities) != 1 || v.Vulnerabilities[0].Vuln != "CVE-2026-0001" || v.Vulnerabilities[0].Package != "openssl-1" || v.Vulnerabilities[0].Fix != "2" {
		t.Errorf("its vulnerabilities are %+v", v)
	}
	var kinds []string
	c.get("/v1/images/" + digest + "/content").ok(&kinds)
	var content struct {
		Content []struct{ Package, Type string }
	}
	c.get("/v1/images/" + digest + "/content/os").ok(&content)
	if len(content.Content) != 1 || content.Content[0].Package != "openssl" || len(kinds) < 2 {
		t.Errorf("its contents are %v %+v", kinds, content)
	}
	var files struct {
		Content []struct{ Filename, Mode string }
	}
	c.get("/v1/images/" + digest + "/content/files").ok(&files)
	if len(files.Content) != 1 || files.Content[0].Mode != "04755" {
		t.Errorf("its files are %+v", files)
	}
	var m struct{ Metadata string }
	c.get("/v1/images/" + digest + "/metadata/dockerfile").ok(&m)
	if m.Metadata != dockerfile {
		t.Errorf("its Dockerfile is %q", m.Metadata)
	}

	var checks []map[string]map[string][]struct {
		PolicyID, Status string
		Last             string `json:"last_evaluation"`
		Detail           struct {
			Result struct {
				Final  string `json:"final_action"`
				Reason string `json:"final_action_reason"`
				Result map[string]any
			}
		}
	}
	c.get("/v1/images/" + digest + "/check?history=false&detail=true&tag=" + url.QueryEscape(tag)).ok(&checks)
	if len(checks) != 1 || len(checks[0][digest][tag]) != 1 {
		t.Fatalf("the check is %+v", checks)
	}
	one := checks[0][digest][tag][0]
	table, _ := one.Detail.Result.Result[id].(map[string]any)
	result, _ := table["result"].(map[string]any)
	rows, _ := result["rows"].([]any)
	if one.Status != "fail" || one.PolicyID != "default" || one.Detail.Result.Final != "stop" || one.Detail.Result.Reason != "policy_evaluation" || len(rows) != 1 {
		t.Fatalf("the check is %+v", one)
	}
	if row := rows[0].([]any); len(row) != 9 || row[0] != id || row[1] != tag || row[6] != "stop" || row[7] != false {
		t.Errorf("a row is %v", row)
	}

	var gone struct{ Digest, Status, Detail string }
	c.ask("DELETE", "/v1/images/"+digest, "", "").ok(&gone)
	if gone.Digest != digest || gone.Status != "delete_failed" || gone.Detail == "" {
		t.Errorf("it is watched, and yet deleted: %+v", gone)
	}
	c.ask("DELETE", "/v1/images/"+digest+"?force=True", "", "").ok(&gone)
	if gone.Digest != digest || gone.Status != "deleting" {
		t.Errorf("it is not deleted by force: %+v", gone)
	}
}
