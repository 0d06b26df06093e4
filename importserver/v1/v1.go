// Package v1 serves version 1 of the API. It is a translation: each of its
// operations is one of version 2, asked for and answered in other words. Of the
// server it knows the handler alone.
package v1

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"golang.org/x/sync/semaphore"

	"github.com/tidepole/tidepole/importserver/openapi"
)

const (
	base = "/v1"
	byID = base + "/images/by_id/"
)

// operation is an operation of version 1.
type operation struct {
	id     string
	method string
	path   string             // as http.ServeMux reads it, with the base
	next   *openapi.Operation // that operation
	words  words
}

// handler serves version 1, and leaves the rest to next.
type handler struct {
	next    http.Handler
	swagger []byte
	mux     *http.ServeMux
	long    *semaphore.Weighted
	unsent  *semaphore.Weighted // bytes of long answers
	byID    *http.ServeMux      // http.ServeMux takes no /images/by_id/{id} beside /images/{digest}/check
}

// Handler serves version 1 by asking next for version 2, and has next serve all
// that is not version 1.
func Handler(next http.Handler) (http.Handler, error) {
	swagger, err := openapi.V1()
	if err != nil {
		return nil, fmt.Errorf("load the description of version 1: %w", err)
	}
	all, err := operations(swagger)
	if err != nil {
		return nil, err
	}
	h := &handler{next: next, swagger: swagger, mux: http.NewServeMux(), byID: http.NewServeMux(), long: semaphore.NewWeighted(1), unsent: semaphore.NewWeighted(maxUnsent)}
	for _, o := range all {
		mux := h.mux
		if strings.HasPrefix(o.path, byID) {
			mux = h.byID
		}
		serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.serve(o, w, r) })
		if o.path == base+"/" { // no redirect: some clients forget their password on the way
			mux.Handle(o.method+" "+base, serve)
			mux.Handle(o.method+" "+base+"/{$}", serve)
			continue
		}
		mux.Handle(o.method+" "+o.path, serve)
	}
	return h, nil
}

// operations are those of the description, each with that of version 2.
func operations(swagger []byte) ([]*operation, error) {
	var d struct {
		Paths map[string]map[string]struct {
			ID     string `json:"operationId"`
			Target string `json:"x-v2-operation"`
		} `json:"paths"`
	}
	if err := json.Unmarshal(swagger, &d); err != nil {
		return nil, fmt.Errorf("read the description of version 1: %w", err)
	}
	v2, err := openapi.Load()
	if err != nil {
		return nil, err
	}
	var all []*operation
	described := map[string]bool{}
	for path, methods := range d.Paths {
		for method, given := range methods {
			o := &operation{
				id: given.ID, method: strings.ToUpper(method), path: base + path,
				next: v2.Operation(given.Target), words: table[given.ID],
			}
			if o.next == nil || strings.Count(path, "{") != len(o.next.PathParameters()) {
				return nil, fmt.Errorf("%s of version 1 is not %s of version 2", o.id, given.Target)
			}
			described[o.id] = true
			all = append(all, o)
		}
	}
	for id := range table {
		if !described[id] {
			return nil, fmt.Errorf("operation %s of version 1 is not described", id)
		}
	}
	return all, nil
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	switch {
	case path == "/swagger.json" || path == base+"/swagger.json":
		h.describe(w, r)
	case path != base && !strings.HasPrefix(path, base+"/"):
		h.next.ServeHTTP(w, r)
	default:
		mux := h.mux
		if strings.HasPrefix(path, byID) {
			mux = h.byID
		}
		if _, pattern := mux.Handler(r); pattern == "" {
			h.lost(mux, w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}
}

// describe answers with the description, whose version tells clients what they may
// ask for.
func (h *handler) describe(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		refuse(w, http.StatusMethodNotAllowed, r.URL.Path+" does not take "+r.Method, nil)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(h.swagger)
}

// lost answers requests that no operation takes.
func (h *handler) lost(mux *http.ServeMux, w http.ResponseWriter, r *http.Request) {
	for _, method := range []string{"GET", "POST", "PUT", "DELETE"} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "" && method != r.Method {
			refuse(w, http.StatusMethodNotAllowed, r.URL.Path+" does not take "+r.Method, nil)
			return
		}
	}
	kept := h.newRecorder(w, r)
	h.next.ServeHTTP(kept, r) // it says so
	kept.refuse()
}
