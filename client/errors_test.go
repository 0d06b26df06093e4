package client_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct{ name, url string }{
		{"no address", ""},
		{"no scheme", "127.0.0.1:8228"},
		{"another scheme", "ftp://tidepole"},
		{"no host", "http:///v2"},
		{"a password in it", "http://admin:" + password + "@tidepole"},
		{"a broken one with a password in it", "http://admin:" + password + "@tide pole:x"},
		{"a query", "http://tidepole?x=1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := client.New(client.Options{URL: c.url})
			if fault.Of(err) != fault.Invalid || fault.Hint(err) == "" {
				t.Errorf("error %v with hint %q", err, fault.Hint(err))
			}
			if err != nil && strings.Contains(err.Error(), password) {
				t.Errorf("error %q shows the password", err)
			}
		})
	}
}

func TestAddress(t *testing.T) {
	s := newServer(t)
	s.images[digest] = imported
	for _, suffix := range []string{"", "/", "/v2", "/v2/", "/v1", "/v1/"} {
		c := s.to(t, func(o *client.Options) { o.URL += suffix })
		if _, err := c.Image(t.Context(), digest); err != nil {
			t.Errorf("%q: %v", suffix, err)
		}
	}
}

func TestRequest(t *testing.T) {
	s := newServer(t)
	var got http.Header
	s.before = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		got = r.Header.Clone()
		return false
	}
	s.to(t, func(o *client.Options) { o.Account, o.UserAgent = "team-a", "tidepole/1.2" }).Image(t.Context(), digest)
	if got.Get(wire.AccountHeader) != "team-a" || got.Get("User-Agent") != "tidepole/1.2" {
		t.Errorf("headers %v", got)
	}
}

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name, body string
		code       int
		want       fault.Fault
	}{
		{name: "the server's own", code: 409, body: `{"code":409,"error_type":"conflict","message":"busy","detail":{"hint":"wait","state":"analyzing"}}`,
			want: fault.Fault{Kind: fault.Conflict, Message: "busy", Hint: "wait", Detail: map[string]any{"state": "analyzing"}}},
		{name: "a kind that is not that of the status", code: 400, body: `{"error_type":"too_large","message":"big"}`,
			want: fault.Fault{Kind: fault.TooLarge, Message: "big"}},
		{name: "a type that is unknown", code: 404, body: `{"error_type":"Error404","message":"gone"}`,
			want: fault.Fault{Kind: fault.NotFound, Message: "gone"}},
		{name: "version 1", code: 404, body: `{"message":"image not found in DB","httpcode":404,"detail":{"error_codes":["UNKNOWN"]}}`,
			want: fault.Fault{Kind: fault.NotFound, Message: "image not found in DB", Detail: map[string]any{"error_codes": []any{"UNKNOWN"}}}},
		{name: "problem details", code: 400, body: `{"type":"about:blank","title":"Bad Request","detail":"tag is required","status":400}`,
			want: fault.Fault{Kind: fault.Invalid, Message: "Bad Request: tag is required"}},
		{name: "a proxy's page", code: 403, body: "<html><head><style>p{}</style><title>No\x1b[31m</title></head>\n<body><p>Not &lt;here</p></body></html>",
			want: fault.Fault{Kind: fault.Forbidden, Message: `get image ` + digest + `: URL answered 403 Forbidden: No\x1b[31m Not &lt;here`}},
		{name: "terminal escapes", code: 404, body: "{\"error_type\":\"not_found\",\"message\":\"a\\u001b]0;b\",\"detail\":{\"hint\":\"c\\nd\"}}",
			want: fault.Fault{Kind: fault.NotFound, Message: `a\x1b]0;b`, Hint: `c\nd`}},
		{name: "nothing", code: 500, body: "", want: fault.Fault{Kind: fault.Internal, Message: "get image " + digest + ": URL answered 500 Internal Server Error"}},
		{name: "an empty object", code: 413, body: "{}", want: fault.Fault{Kind: fault.TooLarge, Message: "get image " + digest + ": URL answered 413 Request Entity Too Large: {}"}},
		{name: "no success and no failure", code: 304, body: "", want: fault.Fault{Kind: fault.Unavailable, Message: "get image " + digest + ": URL answered 304 Not Modified"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			s.before = func(w http.ResponseWriter, r *http.Request, _ int) bool {
				w.WriteHeader(c.code)
				io.WriteString(w, c.body)
				return true
			}
			_, err := s.to(t, func(o *client.Options) { o.Retry.Call = -1 }).Image(t.Context(), digest)
			var f *fault.Fault
			if !errors.As(err, &f) {
				t.Fatalf("error %v is not a fault", err)
			}
			c.want.Message = strings.ReplaceAll(c.want.Message, "URL", s.URL)
			if diff := cmp.Diff(&c.want, f, cmpopts.IgnoreFields(fault.Fault{}, "Err")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLongPageIsCutShort(t *testing.T) {
	s := newServer(t)
	s.before = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		w.WriteHeader(http.StatusForbidden)
		for range 10_000 {
			io.WriteString(w, "<p>a long page of a proxy</p>")
		}
		return true
	}
	_, err := s.to(t).Image(t.Context(), digest)
	if fault.Of(err) != fault.Forbidden || len(err.Error()) > 600 {
		t.Errorf("%d bytes: %v", len(err.Error()), err)
	}
}

func TestDenied(t *testing.T) {
	s := newServer(t)
	for _, c := range []struct{ name, user, password, hint string }{
		{"wrong password", "someone", "not-" + password, `"someone"`},
		{"nobody", "", "", "TIDEPOLE_USERNAME"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cl := s.to(t, func(o *client.Options) { o.Username, o.Password = c.user, c.password })
			_, err := cl.Images(t.Context(), wire.ImageFilter{})
			all := fmt.Sprint(err, fault.Hint(err))
			if fault.Of(err) != fault.Denied || !strings.Contains(all, c.hint) || strings.Contains(all, password) {
				t.Errorf("error %v with hint %q", err, fault.Hint(err))
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	s := httptest.NewServer(nil)
	s.Close()
	var notices int
	var err error
	for limit := 30 * time.Millisecond; notices == 0 && limit < time.Minute; limit *= 2 { // until there is time for a second try
		c, failed := client.New(client.Options{URL: s.URL, Notify: func(client.Notice) { notices++ },
			Retry: client.Retry{Min: time.Millisecond, Max: 5 * time.Millisecond, Call: limit}})
		if failed != nil {
			t.Fatal(failed)
		}
		_, err = c.Status(t.Context())
	}
	if fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), s.URL) ||
		!strings.Contains(err.Error(), "connection refused") || !strings.Contains(fault.Hint(err), "tidepole serve") {
		t.Errorf("error %v with hint %q", err, fault.Hint(err))
	}
	if notices == 0 {
		t.Error("nothing was said of the tries")
	}
}

func TestRedirects(t *testing.T) {
	other := newServer(t)
	var reached bool
	other.before = func(http.ResponseWriter, *http.Request, int) bool { reached = true; return false }
	for _, c := range []struct {
		name, to string
		post     bool
		text     string // "": it is followed
	}{
		{name: "on the same server", to: "/elsewhere"},
		{name: "to another host", to: "http://localhost.example" + wire.RouteStatus, text: "another host"},
		{name: "to another port", to: other.URL + wire.RouteStatus, text: "another port"},
		{name: "that drops the body", to: "/elsewhere", post: true, text: "turns a POST into a GET"},
		{name: "for ever", to: wire.RouteStatus, text: "redirect number"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			s.before = func(w http.ResponseWriter, r *http.Request, _ int) bool {
				if r.URL.Path == "/elsewhere" {
					answerJSON(w, wire.Status{Up: true})
				} else {
					http.Redirect(w, r, c.to, http.StatusFound)
				}
				return true
			}
			cl := s.to(t)
			ask := func() error { _, err := cl.Status(t.Context()); return err }
			if c.post {
				ask = func() error { _, err := cl.UpdateDatabase(t.Context()); return err }
			}
			err := ask()
			if c.text == "" && err != nil {
				t.Error(err)
			}
			if c.text != "" && (fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), c.text)) {
				t.Errorf("error %v, want one with %q", err, c.text)
			}
		})
	}
	if reached {
		t.Error("the other server was asked")
	}
}

func TestTLS(t *testing.T) {
	s := newServer(t)
	s.images[digest] = imported
	secure := httptest.NewUnstartedServer(s)
	secure.Config.ErrorLog = quiet
	secure.StartTLS()
	defer secure.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	at := func(o *client.Options) { o.URL = secure.URL }
	if _, err := s.to(t, at, func(o *client.Options) { o.CAFiles = []string{ca} }).Image(t.Context(), digest); err != nil {
		t.Errorf("authority given: %v", err)
	}
	if _, err := s.to(t, at, func(o *client.Options) { o.SkipVerify = true }).Image(t.Context(), digest); err != nil {
		t.Errorf("not verified: %v", err)
	}
	_, err := s.to(t, at).Image(t.Context(), digest)
	if fault.Of(err) != fault.Unavailable || !strings.Contains(fault.Hint(err), "authority") {
		t.Errorf("authority unknown: %v with hint %q", err, fault.Hint(err))
	}
	_, err = s.to(t, func(o *client.Options) { o.URL = strings.Replace(s.URL, "http:", "https:", 1) }).Image(t.Context(), digest)
	if !strings.Contains(fault.Hint(err), "http://") {
		t.Errorf("no TLS there: %v with hint %q", err, fault.Hint(err))
	}
	s.before = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		http.Redirect(w, r, s.URL+r.URL.Path, http.StatusTemporaryRedirect)
		return true
	}
	_, err = s.to(t, at, func(o *client.Options) { o.CAFiles = []string{ca} }).Image(t.Context(), digest)
	if err == nil || !strings.Contains(err.Error(), "from https to plain http") {
		t.Errorf("redirect to http: %v", err)
	}
}

func TestPlainHTTPToATLSServer(t *testing.T) {
	s := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	c, err := client.New(client.Options{URL: "http" + strings.TrimPrefix(s.URL, "https")})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Status(t.Context())
	if fault.Of(err) != fault.Invalid || !strings.Contains(fault.Hint(err), s.URL) {
		t.Errorf("%v (%s), hint %q", err, fault.Of(err), fault.Hint(err))
	}
}

func TestSilence(t *testing.T) {
	s := newServer(t)
	s.before = func(w http.ResponseWriter, r *http.Request, _ int) bool {
		<-r.Context().Done()
		return true
	}
	c := s.to(t, func(o *client.Options) { o.Timeout, o.Retry.Call = 30*time.Millisecond, -1 })
	var err error
	for tries := 0; tries < 10; tries++ { // on a busy machine the time may be over before there is a connection
		if _, err = c.Status(t.Context()); fault.Of(err) != fault.Unavailable || strings.Contains(err.Error(), "silent for 30ms") {
			break
		}
	}
	if fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), "silent for 30ms") {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := s.to(t).Status(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want that of the context", err)
	}
}

func TestOnce(t *testing.T) {
	for _, c := range []struct {
		name  string
		fail  func(w http.ResponseWriter)
		tries int
	}{
		{"the connection breaks: it may have been done", func(http.ResponseWriter) { cutOff() }, 1},
		{"the server says that it was not done", func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			s.before = func(w http.ResponseWriter, r *http.Request, nth int) bool {
				if nth == 0 {
					c.fail(w)
				} else {
					w.WriteHeader(http.StatusNoContent)
				}
				return true
			}
			s.to(t).DeletePolicy(t.Context(), "p")
			if n := s.count("DELETE "); n != c.tries {
				t.Errorf("%d requests, want %d", n, c.tries)
			}
		})
	}
}
