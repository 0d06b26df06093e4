package v1

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// maxAnswer is the most that is kept of an answer that is to be translated.
	maxAnswer = 64 << 20
	// longAnswer is what each may have at any time; a longer one takes some ten times
	// its length while it is translated, and is the only one that does.
	longAnswer = 1 << 20
	// maxUnsent is what translated answers longer than that may take together while their
	// clients read them.
	maxUnsent = 256 << 20
	// answerTime is how long a client may take for an answer that was translated.
	answerTime = time.Minute
)

// longWait is how long a long answer waits for its turn.
var longWait = 30 * time.Second

// recorder keeps what version 2 answers, or passes it on as it comes.
type recorder struct {
	to     http.ResponseWriter
	header http.Header
	code   int
	body   bytes.Buffer
	pass   func(http.ResponseWriter) io.Writer // where successes go that are passed on; nil: they are kept
	out    io.Writer
	over   bool // it is longer than maxAnswer

	said  func(string) string // a refusal's text in version 1's words; nil: as it is
	asked context.Context
	place *semaphore.Weighted // of the long answer that is translated; nil: it has one
	has   bool                // it has the place
	busy  bool                // it had none in time
}

func (h *handler) newRecorder(to http.ResponseWriter, r *http.Request) *recorder {
	return &recorder{to: to, header: http.Header{}, asked: r.Context(), place: h.long}
}

// leave gives back the place of a long answer.
func (r *recorder) leave() {
	if r.has {
		r.place.Release(1)
		r.has = false
	}
}

// serve has version 2 answer. Where the answer was too long to be kept, it says so
// instead, and gives false.
func (r *recorder) serve(next http.Handler, request *http.Request) (ok bool) {
	defer func() {
		broken := recover()
		if t, passed := r.out.(*translation); passed && broken != nil {
			t.Abandon()
		}
		switch {
		case broken == http.ErrAbortHandler && r.busy && r.asked.Err() == nil:
			r.to.Header().Set("Retry-After", "5")
			refuse(r.to, http.StatusServiceUnavailable, "other long answers are being translated to version 1 of the API; ask again, or ask version 2", nil)
		case broken == http.ErrAbortHandler && r.over:
			refuse(r.to, http.StatusInternalServerError, "the answer is too long for version 1 of the API; ask version 2", nil)
		case broken != nil:
			panic(broken)
		}
	}()
	next.ServeHTTP(r, request)
	r.WriteHeader(http.StatusOK) // where nothing was written
	return true
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(code int) {
	if r.code != 0 {
		return
	}
	r.code = code
	if r.pass != nil && code == http.StatusOK {
		r.headers()
		r.out = r.pass(r.to)
		r.to.WriteHeader(code)
	}
}

var errTooMuch = errors.New("the answer is too long to be translated")

func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	if r.out != nil {
		return r.out.Write(b)
	}
	if r.body.Len()+len(b) > maxAnswer {
		r.over = true
		return 0, errTooMuch
	}
	if r.body.Len()+len(b) > longAnswer && r.place != nil && !r.has {
		wait, cancel := context.WithTimeout(r.asked, longWait)
		defer cancel()
		if err := r.place.Acquire(wait, 1); err != nil {
			r.busy = true
			return 0, err
		}
		r.has = true
	}
	return r.body.Write(b)
}

// Unwrap is for http.ResponseController: the deadlines are the connection's.
func (r *recorder) Unwrap() http.ResponseWriter { return r.to }

// headers passes the answer's headers on.
func (r *recorder) headers() { maps.Copy(r.to.Header(), r.header) }

// refuse answers with version 2's refusal as version 1 has it. What is no refusal
// of ours passes as it is.
func (r *recorder) refuse() {
	r.headers()
	var e struct {
		Message string         `json:"message"`
		Detail  map[string]any `json:"detail"`
	}
	if err := json.Unmarshal(r.body.Bytes(), &e); err != nil || r.code < 400 {
		r.to.WriteHeader(max(r.code, http.StatusOK))
		r.to.Write(r.body.Bytes())
		return
	}
	if r.said != nil {
		e.Message = r.said(e.Message)
	}
	if e.Detail["invalid"] != nil {
		problem(r.to, r.code, e.Message)
		return
	}
	refuse(r.to, r.code, e.Message, e.Detail)
}

// problem answers what is not as the description has it, for which version 1 has
// another kind of error.
func problem(w http.ResponseWriter, code int, detail string) {
	writeAs(w, "application/problem+json", code, map[string]any{
		"type": "about:blank", "title": http.StatusText(code), "detail": detail, "status": code,
	})
}

// refuse answers with version 1's error, which always says which error codes there
// are, if none.
func refuse(w http.ResponseWriter, code int, message string, detail map[string]any) {
	if detail == nil {
		detail = map[string]any{}
	}
	if detail["error_codes"] == nil {
		detail["error_codes"] = []string{}
	}
	write(w, code, map[string]any{"message": message, "httpcode": code, "detail": detail})
}

// write answers with a value in JSON.
func write(w http.ResponseWriter, code int, v any) { writeAs(w, "application/json", code, v) }

func writeAs(w http.ResponseWriter, mediaType string, code int, v any) {
	send(w, mediaType, code, marshalled(v))
}

func marshalled(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil { // what was read from JSON can be written
		panic(err)
	}
	return data
}

func send(w http.ResponseWriter, mediaType string, code int, data []byte) {
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(data)+1))
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTime)) // translating took some of the time there was
	w.WriteHeader(code)
	w.Write(append(data, '\n'))
}
