package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
)

// says makes the server answer everything with that.
func (s *server) says(body string) {
	s.before = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, body)
		return true
	}
}

func TestFiles(t *testing.T) {
	stop := errors.New("enough")
	for _, c := range []struct {
		name, body string
		stopAt     int
		want       []string
		kind       fault.Kind
		text       string
	}{
		{name: "files among other things", body: `{"image_digest":"d","content":[{"filename":"/a"},{"filename":"/b"}],"x":{"content":[1]}}`, want: []string{"/a", "/b"}},
		{name: "no files", body: `{"content":null}`},
		{name: "the caller has enough", body: `{"content":[{"filename":"/a"},{"filename":"/b"}]}`, stopAt: 1, want: []string{"/a"}, text: "enough"},
		{name: "a page", body: `<html>`, kind: fault.Unavailable, text: "is not the API's"},
		{name: "an object too little", body: `{"content":[{"filename":"/a"}`, want: []string{"/a"}, kind: fault.Unavailable, text: "unexpected EOF"},
		{name: "an object in place of the list", body: `{"content":{}}`, kind: fault.Unavailable, text: "where a list belongs"},
		{name: "a file without end", body: `{"content":[{"filename":"` + strings.Repeat("a", 5<<20) + `"}]}`, kind: fault.TooLarge, text: "larger"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			s.says(c.body)
			var got []string
			err := s.to(t).Files(t.Context(), digest, func(f wire.File) error {
				got = append(got, f.Name)
				if len(got) == c.stopAt {
					return stop
				}
				return nil
			})
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if c.text == "" && err != nil || c.text != "" && (err == nil || !strings.Contains(err.Error(), c.text) || fault.Of(err) != c.kind) {
				t.Errorf("error %v, want %v with %q", err, c.kind, c.text)
			}
			if c.stopAt > 0 && !errors.Is(err, stop) {
				t.Errorf("error %v is not the caller's", err)
			}
		})
	}
}

func TestFilesMemory(t *testing.T) {
	s := newServer(t)
	s.before = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		io.WriteString(w, `{"content":[{"filename":"/first"}`)
		for i := range 200_000 {
			fmt.Fprintf(w, `,{"filename":"/%d","sha256":%q}`, i, digest)
		}
		io.WriteString(w, "]}")
		return true
	}
	peak := watch(t)
	n := 0
	if err := s.to(t).Files(t.Context(), digest, func(wire.File) error { n++; return nil }); err != nil || n != 200_001 {
		t.Errorf("%d files, %v", n, err)
	}
	if used := peak(); used > 16<<20 {
		t.Errorf("a list of 20 MB took %d MB of memory", used>>20)
	}
}

func TestReadsThatBreakOff(t *testing.T) {
	s := newServer(t)
	breakOff := func(w http.ResponseWriter, r *http.Request, nth int) bool {
		io.WriteString(w, `{"content":[{"filename":"/a"},`)
		w.(http.Flusher).Flush()
		if nth == 0 {
			cutOff()
		}
		io.WriteString(w, `{"filename":"/b"}]}`)
		return true
	}
	s.before = breakOff
	var sbom strings.Builder
	err := s.to(t).SBOM(t.Context(), digest, "syft-json", &sbom)
	if fault.Of(err) != fault.Unavailable || sbom.String() != `{"content":[{"filename":"/a"},` {
		t.Errorf("an SBOM that was handed on in part: %v, %q; it must not begin anew", err, &sbom)
	}
	got, err := s.to(t).Packages(t.Context(), digest, "files")
	if err != nil || len(got.Content) != 2 {
		t.Errorf("a list that is handed on whole: %v, %v; it could be asked for again", got, err)
	}
}

func TestImportDatabase(t *testing.T) {
	const data = "a vulnerability database"
	for _, c := range []struct {
		name string
		r    io.Reader
		want string
		kind fault.Kind
	}{
		{name: "from a file", r: strings.NewReader(data), want: data},
		{name: "from a stream", r: io.MultiReader(strings.NewReader(data)), kind: fault.Unavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			var got string
			s.before = func(w http.ResponseWriter, r *http.Request, nth int) bool {
				b, _ := io.ReadAll(r.Body)
				if nth == 0 {
					cutOff()
				}
				got = string(b)
				answerJSON(w, report.Database{Present: true, Source: r.URL.Query().Get("name") + " " + r.URL.Query().Get("checksum")})
				return true
			}
			db, err := s.to(t).ImportDatabase(t.Context(), c.r, "db.tar.zst", "sha256:x")
			if fault.Of(err) != c.kind || (err == nil) != (c.want != "") || got != c.want {
				t.Errorf("received %q, %v", got, err)
			}
			if err == nil && db.Source != "db.tar.zst sha256:x" {
				t.Errorf("database %v", db)
			}
		})
	}
}

func TestImportDatabaseFromAStreamThatIsRefused(t *testing.T) {
	s := newServer(t)
	s.before = func(w http.ResponseWriter, r *http.Request, nth int) bool {
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, `{"error_type":"unavailable","message":"no space left","detail":{"hint":"free some"}}`)
		return true
	}
	_, err := s.to(t).ImportDatabase(t.Context(), io.MultiReader(strings.NewReader("data")), "db.tar.zst", "")
	if fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), "no space left") || fault.Hint(err) != "free some" {
		t.Errorf("%v; want what the server said", err)
	}
}

// stalled gives a text, tells when it is asked for more, and then gives nothing.
type stalled struct {
	text  string
	stall func()
	end   chan struct{}
}

func (s *stalled) Read(p []byte) (int, error) {
	if n := copy(p, s.text); n > 0 {
		s.text = s.text[n:]
		return n, nil
	}
	s.stall()
	<-s.end
	return 0, io.EOF
}

func TestImportDatabaseFromAStreamThatStandsStill(t *testing.T) {
	s := newServer(t)
	s.before = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		io.Copy(io.Discard, r.Body)
		return true
	}
	ctx, cancel := context.WithCancel(t.Context())
	stream := &stalled{text: "the beginning", stall: cancel, end: make(chan struct{})}
	defer close(stream.end)
	done := make(chan error, 1)
	go func() {
		_, err := s.to(t).ImportDatabase(ctx, stream, "db.tar.zst", "")
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	case <-time.After(2 * time.Minute):
		t.Error("the import does not end with its context")
	}
}

func TestNames(t *testing.T) {
	s := newServer(t)
	var asked []string
	s.before = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		asked = append(asked, r.URL.EscapedPath())
		return false
	}
	c := s.to(t, func(o *client.Options) { o.Retry.Call = -1 })
	for _, id := range []string{"", ".", "..", "../images", "a b?c#d"} {
		c.Policy(t.Context(), id)
	}
	if diff := cmp.Diff([]string{"/v2/policies/..%2Fimages", "/v2/policies/a%20b%3Fc%23d"}, asked); diff != "" {
		t.Error(diff)
	}
}
