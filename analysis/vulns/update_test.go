package vulns_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/vulns"
	"github.com/tidepole/tidepole/formats/fault"
)

// mirror is a server as grype's distribution is, with databases below /db/v6.
type mirror struct {
	latest   map[string]any
	archives int // how often an archive was sent in full
	handle   func(w http.ResponseWriter, r *http.Request) bool
}

func newMirror(name string, built time.Time) *mirror {
	return &mirror{latest: map[string]any{
		"status": "active", "schemaVersion": "v6.1.10", "built": built.Format(time.RFC3339),
		"path": name, "checksum": checksum(archive(name)),
	}}
}

func (m *mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if m.handle != nil && m.handle(w, r) {
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/db/v6/")
	switch {
	case name == "latest.json":
		_ = json.NewEncoder(w).Encode(m.latest)
	case archive(name) != nil:
		w.Header().Set("ETag", `"`+checksum(archive(name))+`"`)
		if r.Header.Get("If-None-Match") == w.Header().Get("ETag") {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		m.archives++
		_, _ = w.Write(archive(name))
	default:
		http.NotFound(w, r)
	}
}

func serve(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func TestUpdateFromListing(t *testing.T) {
	for _, suffix := range []string{"/db", "/db/", "/db/v6/latest.json"} {
		t.Run(suffix, func(t *testing.T) {
			m := newMirror("older.tar.zst", older)
			s := serve(t, m)
			d := open(t, vulns.Options{URL: s.URL + suffix})
			var archive bytes.Buffer
			got, changed, err := d.Update(context.Background(), &archive, false, nil)
			if err != nil || !changed || !got.Built.Equal(older) || got.Source != s.URL+"/db/v6/older.tar.zst" {
				t.Fatalf("first: %+v, changed %v, %v", got, changed, err)
			}
			other, err := open(t, vulns.Options{}).Import(context.Background(), &archive, "elsewhere", checksum(archive.Bytes()), nil)
			if err != nil || other.Digest != got.Digest {
				t.Errorf("the archive, imported elsewhere: %+v, %v", other, err)
			}
			again, changed, err := d.Update(context.Background(), nil, false, nil)
			if err != nil || changed || m.archives != 1 {
				t.Errorf("again: changed %v, %v, %d archives sent", changed, err, m.archives)
			}
			if diff := cmp.Diff(got, again); diff != "" {
				t.Errorf("again (-first +second):\n%s", diff)
			}
			*m = *newMirror("newer.tar.gz", newer)
			got, changed, err = d.Update(context.Background(), nil, false, nil)
			if err != nil || !changed || !got.Built.Equal(newer) {
				t.Errorf("newer: %+v, changed %v, %v", got, changed, err)
			}
			*m = *newMirror("older.tar.zst", older)
			got, changed, err = d.Update(context.Background(), nil, false, nil)
			if err != nil || changed || !got.Built.Equal(newer) {
				t.Errorf("an older one is offered: %+v, changed %v, %v", got, changed, err)
			}
		})
	}
}

func TestUpdateFromArchive(t *testing.T) {
	m := newMirror("older.tar.zst", older)
	name := "older.tar.zst"
	m.handle = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Has("checksum") || r.URL.Query().Get("key") != "v" {
			t.Errorf("query %q", r.URL.RawQuery)
		}
		r.URL.Path = "/db/v6/" + name
		return false
	}
	s := serve(t, m)
	dir := filepath.Join(t.TempDir(), "vulndb")
	url := strings.Replace(s.URL, "http://", "http://user:secret@", 1) + "/newest.tar.zst?key=v"
	d := open(t, vulns.Options{Dir: dir, URL: url})
	got, changed, err := d.Update(context.Background(), nil, false, nil)
	if err != nil || !changed || got.Source != s.URL+"/newest.tar.zst" {
		t.Fatalf("first: %+v, changed %v, %v", got, changed, err)
	}
	if _, changed, err := d.Update(context.Background(), nil, false, nil); err != nil || changed || m.archives != 1 {
		t.Errorf("again: changed %v, %v, %d archives sent", changed, err, m.archives)
	}
	name = "older.tar.gz" // packed another way, the same database
	if _, changed, err := d.Update(context.Background(), nil, false, nil); err != nil || changed || m.archives != 2 {
		t.Errorf("packed anew: changed %v, %v, %d archives sent", changed, err, m.archives)
	}
	if got, changed, err := d.Update(context.Background(), nil, true, nil); err != nil || !changed || got.Digest != d.Status(t.Context()).Digest {
		t.Errorf("the same, to be had again: %+v, changed %v, %v", got, changed, err)
	}
	name = "newer.tar.gz"
	if got, changed, err := d.Update(context.Background(), nil, false, nil); err != nil || !changed || !got.Built.Equal(newer) {
		t.Errorf("newer: %+v, changed %v, %v", got, changed, err)
	}
	wrong := open(t, vulns.Options{Dir: dir, URL: url + "&checksum=" + checksum([]byte("x"))})
	name = "older.tar.gz"
	if _, _, err := wrong.Update(context.Background(), nil, false, nil); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "its checksum is") {
		t.Errorf("wrong checksum: %v", err)
	}
}

func TestUpdateFails(t *testing.T) {
	sleep := func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }
	tests := map[string]struct {
		change func(m *mirror)
		url    string
		kind   fault.Kind
		says   string
	}{
		"wrong checksum":       {change: func(m *mirror) { m.latest["checksum"] = checksum([]byte("x")) }, kind: fault.Invalid, says: "its checksum is"},
		"no checksum":          {change: func(m *mirror) { delete(m.latest, "checksum") }, kind: fault.Invalid, says: "names no archive"},
		"checksum of no sense": {change: func(m *mirror) { m.latest["checksum"] = "xxh64:00" }, kind: fault.Invalid, says: "is not sha256"},
		"another schema":       {change: func(m *mirror) { m.latest["schemaVersion"] = "v7.0.0" }, kind: fault.Unsupported, says: "offers schema v7.0.0"},
		"empty listing":        {change: func(m *mirror) { clear(m.latest) }, kind: fault.Invalid, says: "names no archive"},
		"listing of no sense":  {change: answer(200, "<html>"), kind: fault.Invalid, says: "latest.json: unable to parse"},
		"no listing":           {change: answer(404, ""), kind: fault.Unavailable, says: `the server answers "404 Not Found"`},
		"no archive":           {change: func(m *mirror) { m.latest["path"] = "other.tar.zst" }, kind: fault.Unavailable, says: `other.tar.zst: the server answers "404`},
		"path out of it":       {change: func(m *mirror) { m.latest["path"] = "../../../../x.tar.zst" }, kind: fault.Unavailable, says: "/db/v6/x.tar.zst: the server"},
		"server in trouble":    {change: answer(503, ""), kind: fault.Unavailable, says: "503"},
		"stalled at once":      {change: func(m *mirror) { m.handle = sleep }, kind: fault.Unavailable, says: "timeout"},
		"stalled in the listing": {kind: fault.Unavailable, says: "sends nothing any more", change: func(m *mirror) {
			m.handle = func(w http.ResponseWriter, r *http.Request) bool {
				_, _ = io.WriteString(w, `{"status":`)
				w.(http.Flusher).Flush()
				return sleep(w, r)
			}
		}},
		"stalled in the archive": {kind: fault.Unavailable, says: "sends nothing any more", change: inArchive(sleep)},
		"broken in the archive": {kind: fault.Unavailable, says: "EOF", change: inArchive(func(http.ResponseWriter, *http.Request) bool {
			panic(http.ErrAbortHandler)
		})},
		"offline":      {url: "http://127.0.0.1:1/db", kind: fault.Unavailable, says: "connection refused"},
		"not a URL":    {url: "vulnerability.db", kind: fault.Invalid, says: "not an http or https URL"},
		"another kind": {url: "ftp://mirror/x", kind: fault.Invalid, says: "not an http or https URL"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m := newMirror("newer.tar.zst", newer)
			if test.change != nil {
				test.change(m)
			}
			url := test.url
			if url == "" {
				s := httptest.NewUnstartedServer(m)
				s.Config.ErrorLog = log.New(io.Discard, "", 0)
				s.Start()
				defer s.Close()
				url = strings.Replace(s.URL, "http://", "http://user:secret@", 1) + "/db/v6/latest.json?token=secret"
			}
			stall := time.Minute
			if strings.HasPrefix(name, "stalled") {
				stall = 300 * time.Millisecond
			}
			d := open(t, vulns.Options{URL: url, Stall: stall})
			before := load(t, d, "older.db")
			_, changed, err := d.Update(context.Background(), nil, false, nil)
			for stall < 30*time.Second && !changed && fault.Of(err) == test.kind && !strings.Contains(err.Error(), test.says) {
				stall *= 2 // on a busy machine, what does come may be too slow for a short limit
				d = open(t, vulns.Options{URL: url, Stall: stall})
				before = load(t, d, "older.db")
				_, changed, err = d.Update(context.Background(), nil, false, nil)
			}
			if fault.Of(err) != test.kind || changed || !strings.Contains(err.Error(), test.says) {
				t.Errorf("changed %v, %s: %v\nwant %s: … %s", changed, fault.Of(err), err, test.kind, test.says)
			}
			if test.kind == fault.Unavailable && !strings.Contains(fault.Hint(err), "tidepole vulndb import FILE") {
				t.Errorf("hint %q", fault.Hint(err))
			}
			if err != nil && strings.Contains(err.Error()+fault.Hint(err), "secret") {
				t.Errorf("it gives credentials away: %v", err)
			}
			if diff := cmp.Diff(before, d.Status(context.Background())); diff != "" {
				t.Errorf("status (-before +after):\n%s", diff)
			}
		})
	}
}

func answer(status int, body string) func(*mirror) {
	return func(m *mirror) {
		m.handle = func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return true
		}
	}
}

// inArchive sends the first half of an archive, then leaves the rest to next.
func inArchive(next func(http.ResponseWriter, *http.Request) bool) func(*mirror) {
	return func(m *mirror) {
		m.handle = func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, ".zst") {
				return false
			}
			data := archive("newer.tar.zst")
			_, _ = w.Write(data[:len(data)/2])
			w.(http.Flusher).Flush()
			return next(w, r)
		}
	}
}

func TestUpdateStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	m := newMirror("newer.tar.zst", newer)
	inArchive(func(_ http.ResponseWriter, r *http.Request) bool {
		cancel()
		<-r.Context().Done()
		return true
	})(m)
	d := open(t, vulns.Options{URL: serve(t, m).URL + "/db"})
	if _, _, err := d.Update(ctx, nil, false, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want canceled", err)
	}
}

func TestUpdateTrustsOnlyKnownCertificates(t *testing.T) {
	s := httptest.NewUnstartedServer(newMirror("newer.tar.zst", newer))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	file := filepath.Join(t.TempDir(), "ca.pem")
	write(t, file, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
	if _, changed, err := open(t, vulns.Options{URL: s.URL + "/db", CAFiles: []string{file}}).Update(context.Background(), nil, false, nil); err != nil || !changed {
		t.Errorf("with its certificate: changed %v, %v", changed, err)
	}
	if _, _, err := open(t, vulns.Options{URL: s.URL + "/db"}).Update(context.Background(), nil, false, nil); fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without: %v", err)
	}
	write(t, file, "none")
	if _, _, err := open(t, vulns.Options{URL: s.URL + "/db", CAFiles: []string{file}}).Update(context.Background(), nil, false, nil); fault.Of(err) != fault.Invalid {
		t.Errorf("with a file that holds none: %v", err)
	}
	down := httptest.NewUnstartedServer(http.RedirectHandler("http://127.0.0.1:1/", http.StatusFound))
	down.StartTLS()
	defer down.Close()
	write(t, file, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: down.Certificate().Raw})))
	if _, _, err := open(t, vulns.Options{URL: down.URL + "/db", CAFiles: []string{file}}).Update(context.Background(), nil, false, nil); err == nil || !strings.Contains(err.Error(), "redirected from https to http") {
		t.Errorf("redirected to http: %v", err)
	}
}
