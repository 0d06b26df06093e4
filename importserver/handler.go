package importserver

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/openapi"
	v1 "github.com/tidepole/tidepole/importserver/v1"
)

// Handler serves both versions of the API. The caller's http.Server should set ReadHeaderTimeout
// and IdleTimeout, but neither ReadTimeout nor WriteTimeout: uploads and downloads
// take as long as they take, and each is cut off when it stands still.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	d, ops := mustOperations()
	for _, o := range d.Operations() {
		serve := s.answer(o.Pattern(), o, ops[o.ID])
		mux.Handle(o.Pattern(), serve)
		if above, ok := strings.CutSuffix(o.Path, "/"); ok { // no redirect: some clients forget their password on the way
			mux.Handle(o.Method+" "+above, serve)
		}
	}
	mux.Handle("GET "+wire.RouteHealth, s.answer(wire.RouteHealth, nil, getHealth))
	mux.Handle("GET "+wire.RouteReady, s.answer(wire.RouteReady, nil, getReady))
	mux.Handle("GET "+wire.RouteVersion, s.answer(wire.RouteVersion, nil, getVersion))
	mux.Handle("GET "+wire.RouteMetrics, s.answer(wire.RouteMetrics, nil, getMetrics))
	mux.Handle("/", s.answer("/", nil, func(_ *Account, _ http.ResponseWriter, r *http.Request) error {
		return s.lost(mux, r)
	}))
	both, err := v1.Handler(mux)
	if err != nil {
		panic(err) // the program's own descriptions: that they fit is tested
	}
	return lingering(both)
}

// Probes serve what tells of this process and of the store, and asks for no password:
// for a listener of its own, which those who watch reach and others do not.
func (s *Server) Probes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+wire.RouteHealth, s.answer(wire.RouteHealth, nil, getHealth))
	mux.Handle("GET "+wire.RouteReady, s.answer(wire.RouteReady, nil, getReady))
	mux.Handle("GET "+wire.RouteVersion, s.answer(wire.RouteVersion, nil, getVersion))
	mux.Handle(wire.RouteMetrics, s.metrics.handler())
	return mux
}

// lost answers requests that no route takes.
func (s *Server) lost(mux *http.ServeMux, r *http.Request) error {
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "/" && method != r.Method {
			return fault.New(fault.Unsupported, "%s does not take %s", r.URL.Path, r.Method).WithDetail("status", http.StatusMethodNotAllowed)
		}
	}
	return fault.New(fault.NotFound, "there is nothing at %.200q", r.URL.Path)
}

// answer serves an operation: it signs in, checks the request by the description,
// runs the operation and turns a fault into the contract's error body. Without a
// description it asks for no password and takes no body.
func (s *Server) answer(pattern string, o *openapi.Operation, do operation) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		begun, w := time.Now(), &response{ResponseWriter: rw, body: r.ContentLength != 0, standstill: s.options.Standstill}
		id := requestID(r)
		if digest := r.PathValue("image_digest"); digest != "" {
			r.SetPathValue("image_digest", reference.Canonical(digest))
		}
		r, span := s.trace(r.WithContext(withRequest(r.Context(), id)), o, pattern, id)
		defer span.End()
		body := &r.Body
		if of, translated := r.Body.(*v1.Body); translated {
			body = &of.From
		}
		received := &patient{ReadCloser: *body, answer: w}
		*body = received
		w.Header().Set(wire.RequestIDHeader, id)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		flying := s.metrics.flying.WithLabelValues()
		flying.Inc()
		defer flying.Dec()
		err := s.serve(o, do, w, r)
		ctx := r.Context() // it knows more by now
		if err != nil && w.code == 0 {
			s.refuse(ctx, w, err, id)
		}
		w.begin(http.StatusOK)
		w.patience()
		s.metrics.request(pattern, w.code, time.Since(begun))
		answered(span, w.code, err)
		s.log.Log(ctx, importance(o, w.code), "request done", "code", w.code, "took", time.Since(begun), "received", received.n, "sent", w.sent)
		if err != nil && w.code < 400 { // it came when the answer was on its way
			if ctx.Err() == nil {
				s.log.ErrorContext(ctx, "answer broken off", "error", err)
			}
			panic(http.ErrAbortHandler)
		}
	})
}

// serve makes an error of a panic.
func (s *Server) serve(o *openapi.Operation, do operation, w *response, r *http.Request) (err error) {
	defer func() {
		if v := recover(); v != nil && v != http.ErrAbortHandler {
			s.log.ErrorContext(r.Context(), "request panicked", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			err = fmt.Errorf("panic: %v", v)
		}
	}()
	a := s.Account("")
	if o == nil {
		return do(a, w, r)
	}
	if o.Permission != openapi.Open {
		if a, err = s.signIn(r); err != nil {
			return err
		}
		signed(r, a)
		if err = a.may(o.Permission); err != nil {
			return err
		}
		if err = a.inPerson(); o.Password && err != nil {
			return err
		}
	}
	var body []byte
	if o.Body == openapi.JSON || o.Body == openapi.Form {
		if body, err = readBody(w, r, o.Limit); err != nil {
			return err
		}
	}
	if err = o.Request(r.PathValue, r.URL.Query(), r.Header, body); err != nil {
		return err
	}
	return do(a, w, r)
}

// response remembers what was answered.
type response struct {
	http.ResponseWriter
	code int
	body bool // the request has one, of which something may be left
	sent int  // bytes of the answer

	standstill time.Duration
}

func (w *response) WriteHeader(code int) {
	w.begin(code)
	w.ResponseWriter.WriteHeader(code)
}

// Write gives the client time for some of an answer at once, not for all of a long
// part.
func (w *response) Write(b []byte) (int, error) {
	n := 0
	for {
		some, err := w.write(b[n:min(len(b), n+atOnce)])
		n += some
		if err != nil || n == len(b) {
			return n, err
		}
	}
}

// atOnce is how many bytes of an answer a client is given time for.
const atOnce = 128 << 10

func (w *response) write(b []byte) (int, error) {
	w.begin(http.StatusOK)
	w.patience()
	n, err := w.ResponseWriter.Write(b)
	w.sent += n
	if w.body && w.sent > headSent { // the rest of the request's body was waited for by now
		w.body = false
		_ = http.NewResponseController(w.ResponseWriter).SetReadDeadline(time.Time{})
	}
	return n, err
}

// headSent is how many bytes of an answer net/http does not hold back.
const headSent = 16 << 10

// begin notes what is answered. net/http reads what is left of the request's body
// before it answers: a client that never sends it must not hold the connection, nor
// go without its answer.
func (w *response) begin(code int) {
	if w.code != 0 {
		return
	}
	w.code = code
	if w.body {
		_ = http.NewResponseController(w.ResponseWriter).SetReadDeadline(time.Now().Add(w.standstill / 2))
	}
}

// patience cuts off a client that takes nothing any more. Where deadlines cannot
// be set, as in tests, there is none.
func (w *response) patience() {
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(time.Now().Add(w.standstill))
}

// Unwrap is for http.ResponseController.
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }

var requestIDPattern = regexp.MustCompile(`^[a-z0-9-]{1,64}$`)

// requestID is the client's name of a request, or a new one.
func requestID(r *http.Request) string {
	if id := r.Header.Get(wire.RequestIDHeader); requestIDPattern.MatchString(id) {
		return id
	}
	var b [12]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// codes are the HTTP statuses of faults.
var codes = map[fault.Kind]int{
	fault.Invalid: http.StatusBadRequest, fault.Denied: http.StatusUnauthorized, fault.Forbidden: http.StatusForbidden,
	fault.NotFound: http.StatusNotFound, fault.Conflict: http.StatusConflict, fault.TooLarge: http.StatusBadRequest,
	fault.Unavailable: http.StatusServiceUnavailable, fault.Unsupported: http.StatusUnsupportedMediaType,
}

// clientGone is the code under which a request is counted whose client went away
// before its answer: nginx's, for HTTP has none.
const clientGone = 499

// retryAfter is how many seconds a client is asked to wait before it asks again for what
// cannot be had now.
const retryAfter = "1"

// refuse answers with an error. What is no fault is answered without its detail,
// which the log has under the same id.
func (s *Server) refuse(ctx context.Context, w http.ResponseWriter, err error, id string) {
	var f *fault.Fault
	if !errors.As(err, &f) || f.Kind == fault.Internal {
		if !errors.Is(err, context.Canceled) {
			s.log.ErrorContext(ctx, "request failed", "error", err)
		}
		f = fault.New(fault.Internal, "the server failed; its log says more about request %s", id)
	} else {
		f = &fault.Fault{Kind: f.Kind, Message: err.Error(), Hint: fault.Hint(err), Detail: f.Detail}
	}
	code, ok := codes[f.Kind]
	switch {
	case ok:
	case ctx.Err() != nil: // nobody is there to be answered
		code = clientGone
	default:
		code = http.StatusInternalServerError
	}
	if f.Kind == fault.Denied {
		w.Header().Set("WWW-Authenticate", `basic realm="Authentication required"`)
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		refusal(w, code, []byte("Unauthorized"))
		return
	}
	if code == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfter)
	}
	detail := map[string]any{"request_id": id}
	for k, v := range f.Detail {
		detail[k] = v
	}
	if c, ok := f.Detail["status"].(int); ok {
		code = c
		delete(detail, "status")
	}
	if f.Hint != "" {
		detail["hint"] = f.Hint
	}
	data, err := json.Marshal(wire.Error{Code: code, Type: f.Kind.String(), Message: f.Message, Detail: detail})
	if err != nil { // it is of our own making
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	refusal(w, code, append(data, '\n'))
}

// refusal answers with a text whose length is told: a client that still sends knows when
// it has all of it.
func refusal(w http.ResponseWriter, code int, text []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(code)
	w.Write(text)
}

// writeJSON answers with a value.
func writeJSON(w http.ResponseWriter, code int, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, err = w.Write(append(data, '\n'))
	return err
}

// give answers with a value, unless there is an error.
func give(w http.ResponseWriter, v any, err error) error {
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, v)
}
