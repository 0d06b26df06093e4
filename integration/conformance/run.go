package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tidepole/tidepole/importserver/openapi"
)

// Case is one thing that a server must do.
type Case struct {
	Op   string // the operationId of version 2; "v1:" and the operationId of version 1
	Name string // what is seen to hold, in words
	Do   func(*Run)
}

// Run is a case at work on a server.
type Run struct {
	Context   context.Context
	base      string // without "/v2"
	user      string
	password  string
	database  string // an archive of a vulnerability database; "" where none is given
	document  *openapi.Document
	published *openapi.Document // nil where it is not at hand
	client    *http.Client
	seen      map[string]map[int]bool // statuses by operationId
	failures  []string
	skipped   string // why the case cannot be seen here
}

// Options are what a call sends.
type Options struct {
	Path    map[string]string // values of the path's parameters
	Query   url.Values
	Header  http.Header
	Body    any    // written as JSON, but for []byte and string
	User    string // another one than the run's, with Password
	Pass    string
	Nobody  bool // no password at all
	Expect  int  // the status that must come; 0: any below 300
	NoCheck bool // the answer is not checked by the description
}

// Answer is what came back.
type Answer struct {
	Code   int
	Header http.Header
	Body   []byte
	run    *Run
}

// JSON reads the answer's body into v.
func (a *Answer) JSON(v any) {
	if err := json.Unmarshal(a.Body, v); err != nil {
		a.run.Failf("the answer is not as expected: %v in %.300q", err, a.Body)
	}
}

// Failf says what does not hold.
func (r *Run) Failf(format string, args ...any) {
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

// Skip says why a case cannot be seen on this server.
func (r *Run) Skip(why string) { r.skipped = why }

// Call asks the server for an operation, and checks the answer's form.
func (r *Run) Call(op string, o Options) *Answer {
	d := r.document.Operation(op)
	if d == nil {
		r.Failf("there is no operation %s", op)
		return &Answer{run: r, Body: []byte("null")}
	}
	path := d.Path
	for name, value := range o.Path {
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
	}
	a := r.send(d.Method, path, o)
	if r.seen[op] == nil {
		r.seen[op] = map[int]bool{}
	}
	r.seen[op][a.Code] = true
	if !o.NoCheck && a.Code != 0 {
		if err := d.Response(a.Code, a.Header, a.Body); err != nil {
			r.Failf("%v", err)
		}
		r.compare(op, a)
	}
	return a
}

// send is Call for a path that need not be described.
func (r *Run) send(method, path string, o Options) *Answer {
	a := &Answer{run: r, Body: []byte("null")}
	var body io.Reader
	kind := ""
	switch b := o.Body.(type) {
	case nil:
	case []byte:
		body = bytes.NewReader(b)
	case string:
		body = strings.NewReader(b)
	default:
		data, err := json.Marshal(b)
		if err != nil {
			r.Failf("write the request: %v", err)
			return a
		}
		body, kind = bytes.NewReader(data), "application/json"
	}
	ctx, cancel := context.WithTimeout(r.Context, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, r.base+path+query(o.Query), body)
	if err != nil {
		r.Failf("make the request: %v", err)
		return a
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	for name, values := range o.Header {
		req.Header[name] = values
	}
	user, password := r.user, r.password
	if o.User != "" {
		user, password = o.User, o.Pass
	}
	if !o.Nobody {
		req.SetBasicAuth(user, password)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		r.Failf("%s %s: %v", method, path, err)
		return a
	}
	defer resp.Body.Close()
	a.Code, a.Header = resp.StatusCode, resp.Header
	if a.Body, err = io.ReadAll(io.LimitReader(resp.Body, 256<<20)); err != nil {
		r.Failf("%s %s: %v", method, path, err)
	}
	if o.Expect != 0 && a.Code != o.Expect || o.Expect == 0 && a.Code >= 300 {
		r.Failf("%s %s: status %d, not %d: %.300s", method, path, a.Code, o.Expect, a.Body)
	}
	return a
}

func query(q url.Values) string {
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}
