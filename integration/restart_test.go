package integration_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
)

// TestRestartDuringUpload ends a server in the middle of a part and starts it
// again on the same data: the import goes on, and sends no part twice but that.
func TestRestartDuringUpload(t *testing.T) {
	dir := t.TempDir()
	open := func() *importserver.Server {
		s, err := importserver.Open(t.Context(), importserver.Options{Dir: dir, AdminPassword: adminPassword}, functions())
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := open()
	var now atomic.Pointer[importserver.Server]
	now.Store(first)
	var uploads, cuts atomic.Int32
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := now.Load()
		if s == nil {
			panic(http.ErrAbortHandler)
		}
		part := r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, wire.RouteOperations+"/")
		if part {
			uploads.Add(1)
		}
		if part && strings.HasSuffix(r.URL.Path, "/packages") && cuts.Add(1) == 1 {
			r.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, 100), dying{}))
			s.Handler().ServeHTTP(discarded{http.Header{}}, r)
			now.Store(nil)
			panic(http.ErrAbortHandler)
		}
		s.Handler().ServeHTTP(w, r)
	}))
	defer web.Close()
	defer func() { now.Load().Close() }()
	restart := func(client.Notice) {
		if now.Load() == nil {
			first.Close()
			now.Store(open())
		}
	}
	c, err := client.New(client.Options{
		URL: web.URL, Username: importserver.Admin, Password: adminPassword, Notify: restart,
		Retry: client.Retry{Min: time.Millisecond, Max: 10 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b, err := evidence(imported, importedTag)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	spread := bytes.Replace([]byte(parts[bundle.Packages]), []byte("{"), append([]byte("{"), bytes.Repeat([]byte(" "), 2<<20)...), 1)
	if err := b.WriteBytes(bundle.Packages, "application/json", spread); err != nil {
		t.Fatal(err)
	}
	r, err := c.Import(t.Context(), b, wire.AddOptions{})
	if err != nil || r.Known || r.Image.Digest != imported {
		t.Fatalf("receipt %+v, %v", r, err)
	}
	if n := int(uploads.Load()); n != len(b.Parts())+1 {
		t.Errorf("%d uploads of %d parts; want one more than there are", n, len(b.Parts()))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	work, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); now.Load().Run(work) }()
	defer func() { stop(); <-ended }()
	if i, err := c.Wait(ctx, imported, client.WaitOptions{Interval: 10 * time.Millisecond}); err != nil {
		t.Errorf("image %+v, %v", i, err)
	}
}

// dying is the rest of a body that never arrives.
type dying struct{}

func (dying) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// discarded is an answer that goes nowhere.
type discarded struct{ header http.Header }

func (d discarded) Header() http.Header       { return d.header }
func (discarded) Write(b []byte) (int, error) { return len(b), nil }
func (discarded) WriteHeader(int)             {}
