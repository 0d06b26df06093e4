package importserver_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
)

// One who reads slowly holds his own answer and nothing that others need.
func TestASlowClientHoldsNobodyUp(t *testing.T) {
	const length = 32 << 20 // more than connections hold
	e := &engine{database: database{now: report.Database{Present: true, Digest: "sha256:d"}}}
	e.encode = func(w io.Writer) error {
		_, err := io.WriteString(w, `{"text":"`+strings.Repeat("x", length)+`"}`)
		return err
	}
	o := options(t.TempDir())
	o.Workers = 1 // one place
	r := start(t, e, o)
	var many strings.Builder
	for n := range 3000 {
		if n > 0 {
			many.WriteByte(',')
		}
		fmt.Fprintf(&many, `{"id":"a%d","name":"openssl","version":"3.0.1-%d","type":"deb","locations":[{"path":"/var/lib/dpkg/status"}],"purl":"pkg:deb/debian/openssl@3.0.1-%d"}`, n, n, n)
	}
	with := strings.Replace(document, `"artifacts": [`, `"artifacts": [`+many.String()+`,`, 1)
	if _, err := r.Import(t.Context(), newBundle(t, image{digest: digestOf(1), tags: []string{"a:1"}, document: with}), wire.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	r.await(digestOf(1), wire.Analyzed)

	var unread []*http.Response
	for _, path := range []string{"sboms/spdx-json", "vuln/all", "vuln/all/cyclonedx-json", "vuln/all"} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", r.web.URL+"/v2/images/"+digestOf(1)+"/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth("admin", password)
		resp, err := http.DefaultClient.Do(req)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: %v %v", path, resp, err)
		}
		defer resp.Body.Close()
		unread = append(unread, resp)
	}
	if waiting, _ := filepath.Glob(filepath.Join(o.Dir, "tmp", "answer-*")); len(waiting) == 0 {
		t.Error("no answer waits in a file")
	}
	done := make(chan wire.Vulnerabilities)
	go func() {
		defer close(done)
		var v wire.Vulnerabilities
		for _, path := range []string{"artifacts/secret-search", "check?tag=a:1&interactive=true"} {
			r.call("GET", "/v2/images/"+digestOf(1)+"/"+path, "", nil)
		}
		r.call("GET", "/v2/images/"+digestOf(1)+"/vuln/all", "", &v)
		done <- v
	}()
	select {
	case v := <-done:
		if len(v.Items) != 3001 {
			t.Errorf("a long answer has %d vulnerabilities, want 3001", len(v.Items))
		}
	case <-time.After(patience):
		t.Fatal("whoever reads nothing holds up the others")
	}
	for _, resp := range unread {
		if n, err := io.Copy(io.Discard, resp.Body); err != nil || n < 1<<19 {
			t.Errorf("%s in the end: %d bytes, %v", resp.Request.URL.Path, n, err)
		}
	}
	if !eventually(func() bool { // they go when the handlers end
		waiting, _ := os.ReadDir(filepath.Join(o.Dir, "tmp"))
		return len(waiting) == 0
	}) {
		t.Error("answers are left behind")
	}
}
