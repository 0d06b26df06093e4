package importserver

import (
	"io"
	"net/http"
	"time"
)

// What is read on of a body that nobody wants any more. Where a connection is closed
// while its client still sends, the client's system throws away the answer that it has
// not read yet.
const (
	lingerTime  = 5 * time.Second
	lingerBytes = 64 << 20
	drained     = 256 << 10 // a body that net/http itself reads to its end
)

// lingering has next answer, and sees to it that clients get answers that came before
// they had sent all of a long body.
func lingering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 1 || r.ContentLength >= 0 && r.ContentLength <= drained {
			next.ServeHTTP(w, r)
			return
		}
		body := &ending{ReadCloser: r.Body}
		r = r.WithContext(r.Context()) // net/http looks at its own
		r.Body = body
		next.ServeHTTP(w, r)
		if body.ended {
			return
		}
		control := http.NewResponseController(w)
		if control.Flush() != nil || control.SetReadDeadline(time.Now().Add(lingerTime)) != nil {
			return
		}
		// The deadline stays, for net/http reads on from here; it sets another one before
		// the next request.
		_, _ = io.CopyN(io.Discard, body.ReadCloser, lingerBytes)
	})
}

// ending tells whether a body was read to its end, or for as long as it could be.
type ending struct {
	io.ReadCloser
	ended bool
}

func (e *ending) Read(b []byte) (int, error) {
	n, err := e.ReadCloser.Read(b)
	e.ended = e.ended || err != nil
	return n, err
}
