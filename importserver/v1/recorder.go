package v1

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
)

// maxAnswer is the most that is kept of an answer that is to be translated.
const maxAnswer = 256 << 20

// recorder keeps what version 2 answers, or passes it on as it comes.
type recorder struct {
	to     http.ResponseWriter
	header http.Header
	code   int
	body   bytes.Buffer
	pass   func(http.ResponseWriter) io.Writer // where successes go that are passed on; nil: they are kept
	out    io.Writer
}

func newRecorder(to http.ResponseWriter) *recorder {
	return &recorder{to: to, header: http.Header{}}
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(code int) {
	if r.code != 0 {
		return
	}
	r.code = code
	if r.pass != nil && code < 300 {
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
		return 0, errTooMuch
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
	refuse(r.to, r.code, e.Message, e.Detail)
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
func write(w http.ResponseWriter, code int, v any) {
	data, err := json.Marshal(v)
	if err != nil { // what was read from JSON can be written
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	w.Write(append(data, '\n'))
}
