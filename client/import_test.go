package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

const large = 3 << 20 // compressed before it is sent

var imported = wire.Image{
	Digest: digest, ParentDigest: digest, Status: wire.NotAnalyzed,
	Detail: []wire.ImageDetail{{FullTag: "docker.io/test:1"}},
}

// isPart tells whether a request uploads that part.
func isPart(r *http.Request, part string) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/"+part)
}

func TestImport(t *testing.T) {
	for _, c := range []struct {
		name    string
		size    int
		before  func(w http.ResponseWriter, r *http.Request, nth int) bool
		plain   bool
		uploads int // POST requests of parts
	}{
		{name: "small parts", size: 1200, uploads: 5},
		{name: "a large part", size: large, uploads: 5},
		{name: "a server that does not unpack", size: large, plain: true, uploads: 6},
		{name: "a server that refuses compression", size: large, uploads: 6, before: func(w http.ResponseWriter, r *http.Request, nth int) bool {
			if r.Header.Get("Content-Encoding") == "" {
				return false
			}
			w.WriteHeader(http.StatusUnsupportedMediaType)
			return true
		}},
		{name: "connection cut in the middle of a part", size: large, uploads: 6, before: func(w http.ResponseWriter, r *http.Request, nth int) bool {
			if isPart(r, "packages") && nth == 0 {
				io.CopyN(io.Discard, r.Body, 10)
				cutOff()
			}
			return false
		}},
		{name: "overloaded, then well again", size: 1200, uploads: 5 + 2, before: func(w http.ResponseWriter, r *http.Request, nth int) bool {
			if isPart(r, "manifest") && nth < 2 || r.URL.Path == wire.RouteImages && nth == 0 {
				w.Header().Set("Retry-After", "0")
				w.WriteHeader(http.StatusServiceUnavailable)
				return true
			}
			return false
		}},
		{name: "operation cannot be opened at first", size: 1200, uploads: 5, before: func(w http.ResponseWriter, r *http.Request, nth int) bool {
			if r.URL.Path == wire.RouteOperations && nth == 0 {
				w.WriteHeader(http.StatusBadGateway)
				return true
			}
			return false
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			s.before, s.plain = c.before, c.plain
			state, temp := t.TempDir(), t.TempDir()
			cl := s.to(t, func(o *client.Options) { o.StateDir, o.TempDir = state, temp })
			got, err := cl.Import(t.Context(), evidence(t, c.size), wire.AddOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(wire.Receipt{Image: imported}, got); diff != "" {
				t.Error(diff)
			}
			if n := s.count("POST " + wire.RouteOperations + "/"); n != c.uploads || s.finalised != 1 {
				t.Errorf("%d uploads, finalised %d times; want %d, 1", n, s.finalised, c.uploads)
			}
			empty(t, state)
			empty(t, temp)
		})
	}
}

// empty sees to it that nothing is left in a folder.
func empty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("left in %s: %v, %v", dir, entries, err)
	}
}

func TestImportLostAnswers(t *testing.T) {
	for _, c := range []struct {
		name string
		path func(*http.Request) bool // of the request whose answer is lost, once
	}{
		{"of a part", func(r *http.Request) bool { return isPart(r, "packages") }},
		{"of finalising", func(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Path == wire.RouteImages }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			s.before = func(w http.ResponseWriter, r *http.Request, nth int) bool {
				if nth == 0 && c.path(r) {
					s.mux.ServeHTTP(discard{}, r)
					cutOff()
				}
				return false
			}
			got, err := s.to(t).Import(t.Context(), evidence(t, 1200), wire.AddOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(imported, got.Image); diff != "" {
				t.Error(diff)
			}
			if n := s.count("POST " + wire.RouteOperations + "/"); n != 5 || s.finalised != 1 {
				t.Errorf("%d uploads, finalised %d times; what had arrived was sent again", n, s.finalised)
			}
		})
	}
}

// discard is an answer that nobody reads.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}

func TestImportResumes(t *testing.T) {
	s := newServer(t)
	state := t.TempDir()
	remembering := func(o *client.Options) { o.StateDir = state }
	ctx, kill := context.WithCancel(t.Context())
	s.before = func(w http.ResponseWriter, r *http.Request, nth int) bool {
		if isPart(r, "packages") && nth == 0 {
			kill()
			io.Copy(io.Discard, r.Body)
			cutOff()
		}
		return false
	}
	b := evidence(t, large)
	if _, err := s.to(t, remembering).Import(ctx, b, wire.AddOptions{}); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want that of the context", err)
	}
	files, err := filepath.Glob(filepath.Join(state, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("remembered in %v, %v", files, err)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want one that nobody else may read", info.Mode(), err)
	}
	if _, err := s.to(t, remembering).Import(t.Context(), b, wire.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	if n := s.count("POST " + wire.RouteOperations + "/"); n != 4+2 {
		t.Errorf("%d uploads; want four small parts once and the large one twice", n)
	}
	if len(s.operations) != 1 {
		t.Errorf("%d operations, want the first to be continued", len(s.operations))
	}
	empty(t, state)
}

func TestImportStartsAnew(t *testing.T) {
	for _, c := range []struct {
		name   string
		status string // of the remembered operation; "" is one the server does not know
		force  bool
		opened int
	}{
		{name: "operation expired", status: wire.OperationExpired, opened: 1},
		{name: "operation invalidated", status: wire.OperationInvalidated, opened: 1},
		{name: "operation forgotten", opened: 1},
		{name: "operation finalised, image deleted since", status: wire.OperationComplete, opened: 1},
		{name: "operation finalised, and force", status: wire.OperationComplete, force: true, opened: 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			state := t.TempDir()
			s.before = func(w http.ResponseWriter, r *http.Request, nth int) bool {
				if isPart(r, "packages") && strings.Contains(r.URL.Path, "operation-1") {
					w.WriteHeader(http.StatusForbidden)
					return true
				}
				return false
			}
			cl := s.to(t, func(o *client.Options) { o.StateDir = state })
			b := evidence(t, 1200)
			if _, err := cl.Import(t.Context(), b, wire.AddOptions{}); fault.Of(err) != fault.Forbidden {
				t.Fatalf("error %v, want that of the upload", err)
			}
			s.operations["operation-1"].status = c.status
			if c.status == "" {
				s.operations["operation-1"] = nil
			}
			got, err := cl.Import(t.Context(), b, wire.AddOptions{Force: c.force})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(imported, got.Image); diff != "" {
				t.Error(diff)
			}
			if n := len(s.operations); n != 1+c.opened {
				t.Errorf("%d operations, want %d", n, 1+c.opened)
			}
		})
	}
}

func TestImportGivesUp(t *testing.T) {
	wrong := strings.Repeat("ab", 32)
	for _, c := range []struct {
		name   string
		before func(w http.ResponseWriter, r *http.Request, nth int) bool
		kind   fault.Kind
		text   string
	}{
		{name: "another digest is answered", kind: fault.Unavailable, text: wrong,
			before: func(w http.ResponseWriter, r *http.Request, _ int) bool {
				if isPart(r, "manifest") {
					answerJSON(w, wire.Upload{Digest: wrong})
				}
				return isPart(r, "manifest")
			}},
		{name: "the server loses each operation", kind: fault.Unavailable, text: "3 operations in a row",
			before: func(w http.ResponseWriter, r *http.Request, _ int) bool {
				gone := r.Method == http.MethodGet || isPart(r, "packages")
				if gone {
					answerFault(w, http.StatusNotFound, fault.NotFound, "there is no such operation")
				}
				return gone
			}},
		{name: "the server does not know a kind of part", kind: fault.NotFound, text: "no such page",
			before: func(w http.ResponseWriter, r *http.Request, _ int) bool {
				if isPart(r, "secret-searches") {
					http.Error(w, "no such page", http.StatusNotFound)
				}
				return isPart(r, "secret-searches")
			}},
		{name: "a part is too large for it", kind: fault.TooLarge, text: "too much",
			before: func(w http.ResponseWriter, r *http.Request, _ int) bool {
				if isPart(r, "packages") {
					answerFault(w, http.StatusRequestEntityTooLarge, fault.TooLarge, "too much")
				}
				return isPart(r, "packages")
			}},
		{name: "never well again", kind: fault.Unavailable, text: "503 Service Unavailable",
			before: func(w http.ResponseWriter, r *http.Request, _ int) bool {
				if isPart(r, "packages") {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
				return isPart(r, "packages")
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			s.before = c.before
			temp := t.TempDir()
			cl := s.to(t, func(o *client.Options) { o.TempDir, o.Retry.Import = temp, 50*time.Millisecond })
			_, err := cl.Import(t.Context(), evidence(t, large), wire.AddOptions{})
			if fault.Of(err) != c.kind || !strings.Contains(err.Error(), c.text) {
				t.Errorf("error %v, %v; want %v with %q", fault.Of(err), err, c.kind, c.text)
			}
			empty(t, temp)
		})
	}
}

func TestImportOfWhatChanged(t *testing.T) {
	for _, size := range []int{1200, large} {
		s := newServer(t)
		b := evidence(t, size)
		p, _ := b.Part(bundle.Packages)
		p.Open = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(strings.Repeat("y", size))), nil }
		b.Put(p)
		if _, err := s.to(t).Import(t.Context(), b, wire.AddOptions{}); fault.Of(err) != fault.Invalid {
			t.Errorf("%d bytes: error %v, want invalid", size, err)
		}
		if s.finalised != 0 {
			t.Errorf("%d bytes: finalised nevertheless", size)
		}
	}
}

// zeros is a part that exists only while it is read.
type zeros struct{ left int64 }

func (z *zeros) Read(b []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(b)), z.left)
	clear(b[:n])
	z.left -= n
	return int(n), nil
}

func (z *zeros) Close() error { return nil }

func TestImportMemory(t *testing.T) {
	const size = 200 << 20
	digest, _, err := bundle.Sum(&zeros{size})
	if err != nil {
		t.Fatal(err)
	}
	for _, plain := range []bool{false, true} {
		s := newServer(t)
		s.plain = plain
		b := evidence(t, 1200)
		b.Put(bundle.Part{Kind: bundle.Packages, Digest: digest, Size: size, Open: func() (io.ReadCloser, error) { return &zeros{size}, nil }})
		peak := watch(t)
		if _, err := s.to(t).Import(t.Context(), b, wire.AddOptions{}); err != nil {
			t.Fatal(err)
		}
		if used := peak(); used > 48<<20 {
			t.Errorf("a part of %d MB took %d MB of memory on both sides together", size>>20, used>>20)
		}
	}
}

// watch measures the heap until its result is called, which gives the growth at
// the highest.
func watch(t *testing.T) (peak func() uint64) {
	t.Helper()
	read := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	runtime.GC()
	before := read()
	var highest atomic.Uint64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.NewTicker(5 * time.Millisecond); ; {
			select {
			case <-stop:
				tick.Stop()
				return
			case <-tick.C:
				highest.Store(max(highest.Load(), read()))
			}
		}
	}()
	return func() uint64 {
		close(stop)
		<-done
		return max(highest.Load(), before) - before
	}
}
