package client

import (
	"errors"
	"net/http"
	"net/url"
	"time"
)

// Trace is one request as it went. It holds nothing secret: no header, no query.
type Trace struct {
	Method string
	Path   string
	Status int           // 0: there was no answer
	Took   time.Duration // until the answer's header was there
	Err    error         // why there was no answer
}

// traced tells of every request.
type traced struct {
	*http.Transport
	tell func(Trace)
}

// RoundTrip sends a request.
func (t traced) RoundTrip(r *http.Request) (*http.Response, error) {
	start := time.Now()
	resp, err := t.Transport.RoundTrip(r)
	done := Trace{Method: r.Method, Path: r.URL.Path, Took: time.Since(start), Err: err}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		done.Err = wrapped.Err // the outer one has the query
	}
	if resp != nil {
		done.Status = resp.StatusCode
	}
	t.tell(done)
	return resp, err
}
