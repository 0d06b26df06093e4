package client_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

// server speaks the import protocol, and goes wrong where a test wants it to.
type server struct {
	*httptest.Server
	mux *http.ServeMux

	// before may answer in place of the server, and then returns true. It is
	// called for each request with the number of those of the same method and
	// path that came before.
	before func(w http.ResponseWriter, r *http.Request, nth int) bool
	plain  bool // does not unpack what is compressed

	lock       sync.Mutex
	requests   map[string]int
	operations map[string]*operation
	images     map[string]wire.Image
	finalised  int
}

// operation is an import under way.
type operation struct {
	status string
	parts  map[string][]string // by part, digests of what was received
}

const (
	user     = "admin"
	password = "s3cr3t-of-the-test"
)

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{
		mux: http.NewServeMux(), requests: map[string]int{},
		operations: map[string]*operation{}, images: map[string]wire.Image{},
	}
	s.mux.HandleFunc("POST "+wire.RouteOperations, s.open)
	s.mux.HandleFunc("GET "+wire.RouteOperation, s.state)
	s.mux.HandleFunc("GET "+wire.RoutePart, s.list)
	s.mux.HandleFunc("POST "+wire.RoutePart, s.receive)
	s.mux.HandleFunc("POST "+wire.RouteImages, s.finalise)
	s.mux.HandleFunc("GET "+wire.RouteImage, s.image)
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.ErrorLog = quiet
	s.Start()
	t.Cleanup(s.Close)
	return s
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.lock.Lock()
	key := r.Method + " " + r.URL.Path
	nth := s.requests[key]
	s.requests[key]++
	s.lock.Unlock()
	if u, p, _ := r.BasicAuth(); u != user || p != password {
		http.Error(w, "Unauthorized "+p, http.StatusUnauthorized)
		return
	}
	if s.before == nil || !s.before(w, r, nth) {
		s.mux.ServeHTTP(w, r)
	}
}

// count is how many requests began with prefix, as in "POST /v2/images".
func (s *server) count(prefix string) (n int) {
	s.lock.Lock()
	defer s.lock.Unlock()
	for k, v := range s.requests {
		if strings.HasPrefix(k, prefix) {
			n += v
		}
	}
	return n
}

func (s *server) open(w http.ResponseWriter, r *http.Request) {
	s.lock.Lock()
	defer s.lock.Unlock()
	id := fmt.Sprintf("operation-%d", len(s.operations)+1)
	s.operations[id] = &operation{status: wire.OperationPending, parts: map[string][]string{}}
	answerJSON(w, wire.Operation{UUID: id, Status: wire.OperationPending})
}

// find is the operation of a request; it answers where there is none.
func (s *server) find(w http.ResponseWriter, r *http.Request) *operation {
	op := s.operations[r.PathValue("operation_id")]
	if op == nil {
		answerFault(w, http.StatusNotFound, fault.NotFound, "there is no such operation")
	}
	return op
}

func (s *server) state(w http.ResponseWriter, r *http.Request) {
	s.lock.Lock()
	defer s.lock.Unlock()
	if op := s.find(w, r); op != nil {
		answerJSON(w, wire.Operation{UUID: r.PathValue("operation_id"), Status: op.status})
	}
}

func (s *server) list(w http.ResponseWriter, r *http.Request) {
	s.lock.Lock()
	defer s.lock.Unlock()
	op := s.find(w, r)
	if op == nil {
		return
	}
	records := []wire.PartRecord{}
	for _, d := range op.parts[r.PathValue("part")] {
		records = append(records, wire.PartRecord{Digest: d})
	}
	answerJSON(w, records)
}

func (s *server) receive(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength < 0 {
		answerFault(w, http.StatusBadRequest, fault.Invalid, "the request has no Content-Length")
		return
	}
	digest, err := s.digest(r)
	if err != nil {
		answerFault(w, http.StatusBadRequest, fault.Invalid, err.Error())
		return
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	op := s.find(w, r)
	switch {
	case op == nil:
	case op.status != wire.OperationPending:
		answerFault(w, http.StatusConflict, fault.Conflict, "the operation takes nothing more")
	default:
		op.parts[r.PathValue("part")] = append(op.parts[r.PathValue("part")], digest)
		answerJSON(w, wire.Upload{Digest: digest})
	}
}

func (s *server) digest(r *http.Request) (string, error) {
	var body io.Reader = r.Body
	encoding := r.Header.Get("Content-Encoding")
	if s.plain {
		encoding = ""
	}
	switch encoding {
	case "zstd":
		z, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return "", err
		}
		defer z.Close()
		body = z
	case "gzip":
		z, err := gzip.NewReader(body)
		if err != nil {
			return "", err
		}
		body = z
	}
	sum := sha256.New()
	_, err := io.Copy(sum, body)
	return hex.EncodeToString(sum.Sum(nil)), err
}

func (s *server) finalise(w http.ResponseWriter, r *http.Request) {
	var req wire.ImageRequest
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		answerFault(w, http.StatusBadRequest, fault.Invalid, err.Error())
		return
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	in := req.Source.Import
	op := s.operations[in.Operation]
	switch {
	case op == nil:
		answerFault(w, http.StatusNotFound, fault.NotFound, "there is no such operation")
		return
	case op.status != wire.OperationPending:
		answerFault(w, http.StatusConflict, fault.Conflict, "the operation was finalised")
		return
	}
	for kind, digest := range in.Contents {
		if !strings.Contains(strings.Join(op.parts[wire.PartName(kind)], " "), digest) || digest == "" {
			answerFault(w, http.StatusBadRequest, fault.Invalid, kind+" was not uploaded")
			return
		}
	}
	op.status = wire.OperationProcessing
	s.finalised++
	i := wire.Image{Digest: in.Digest, ParentDigest: in.ParentDigest, Annotations: req.Annotations, Status: wire.NotAnalyzed}
	for _, tag := range in.Tags {
		i.Detail = append(i.Detail, wire.ImageDetail{FullTag: tag})
	}
	s.images[in.Digest] = i
	answerJSON(w, i)
}

func (s *server) image(w http.ResponseWriter, r *http.Request) {
	s.lock.Lock()
	defer s.lock.Unlock()
	i, ok := s.images[r.PathValue("image_digest")]
	if !ok {
		answerFault(w, http.StatusNotFound, fault.NotFound, "image not found in DB")
		return
	}
	answerJSON(w, i)
}

func answerJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}

func answerFault(w http.ResponseWriter, code int, kind fault.Kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	json.NewEncoder(w).Encode(wire.Error{Code: code, Type: kind.String(), Message: message})
}

// cutOff breaks the connection without an answer.
func cutOff() { panic(http.ErrAbortHandler) }

// to is a client of the server that tries again soon, and for long; set changes its
// options.
func (s *server) to(t *testing.T, set ...func(*client.Options)) *client.Client {
	t.Helper()
	o := client.Options{
		URL: s.URL, Username: user, Password: password, TempDir: t.TempDir(),
		Timeout: time.Minute,
		Retry:   client.Retry{Min: time.Millisecond, Max: 20 * time.Millisecond, Call: time.Minute, Import: time.Minute},
	}
	for _, f := range set {
		f(&o)
	}
	c, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

const digest = "sha256:" + "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// evidence is a bundle with packages of that size.
func evidence(t *testing.T, size int) *bundle.Bundle {
	t.Helper()
	b, err := bundle.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	b.Digest, b.ParentDigest, b.ImageID = digest, digest, digest
	b.Tags = []string{"docker.io/test:1"}
	for kind, data := range map[bundle.Kind][]byte{
		bundle.Manifest:       []byte(`{"schemaVersion":2}`),
		bundle.ImageConfig:    []byte(`{"os":"linux"}`),
		bundle.Dockerfile:     []byte("FROM scratch\n"),
		bundle.SecretSearches: []byte(`[]`),
		bundle.Packages:       bytes.Repeat([]byte(`{"name":"x"}`), size/12),
	} {
		if err := b.WriteBytes(kind, "", data); err != nil {
			t.Fatal(err)
		}
	}
	return b
}
