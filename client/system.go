package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
)

// Status is the server's state.
func (c *Client) Status(ctx context.Context) (wire.Status, error) {
	return get[wire.Status](ctx, c, call{doing: "get status", route: wire.RouteStatus})
}

// Ready is whether the server can do what it is for. It asks once, and an answer that
// it cannot is no error.
func (c *Client) Ready(ctx context.Context) (wire.Readiness, error) {
	var r wire.Readiness
	err := c.try(ctx, call{doing: "look whether the server is ready", route: wire.RouteReady, also: http.StatusServiceUnavailable, take: into("look whether the server is ready", &r)})
	return r, err
}

// Workers are the processes that work on images, and what each does.
func (c *Client) Workers(ctx context.Context) ([]wire.Worker, error) {
	return get[[]wire.Worker](ctx, c, call{doing: "list workers", route: wire.RouteWorkers})
}

// Database is the server's vulnerability database.
func (c *Client) Database(ctx context.Context) (report.Database, error) {
	return get[report.Database](ctx, c, call{doing: "get vulnerability database", route: wire.RouteDatabase})
}

// UpdateDatabase has the server fetch a newer vulnerability database.
func (c *Client) UpdateDatabase(ctx context.Context) (report.Database, error) {
	return get[report.Database](ctx, c, call{
		doing: "update vulnerability database", method: post, route: wire.RouteDatabaseUpdate, patience: slow,
	})
}

// ImportDatabase sends a vulnerability database as it is read. It is tried
// again only where r can be read from the start again.
func (c *Client) ImportDatabase(ctx context.Context, r io.Reader, name, checksum string) (report.Database, error) {
	const doing = "import vulnerability database"
	q := url.Values{}
	text(q, "name", name)
	text(q, "checksum", checksum)
	s := &source{r: r}
	length, err := s.measure()
	if err != nil {
		return report.Database{}, err
	}
	defer s.release()
	return get[report.Database](ctx, c, call{
		doing: doing, method: post, route: wire.RouteDatabase, query: q, patience: slow,
		body: &body{open: s.open, spent: s.spent, length: length, mediaType: "application/octet-stream"},
	})
}

// source is a caller's reader that is sent, from where it stood at first.
type source struct {
	r     io.Reader
	start int64
	back  bool        // it can be put back to start
	used  atomic.Bool // it was begun, and cannot be put back

	lock    sync.Mutex
	current *reading
}

// measure finds out how much there is to send; -1 is "unknown".
func (s *source) measure() (int64, error) {
	seeker, ok := s.r.(io.Seeker)
	if !ok {
		return -1, nil
	}
	start, err := seeker.Seek(0, io.SeekCurrent)
	if err != nil {
		return -1, nil // a pipe
	}
	end, err := seeker.Seek(0, io.SeekEnd)
	if err != nil {
		return -1, nil
	}
	s.start, s.back = start, true
	return end - start, nil
}

// open starts a reading, and ends the one before.
func (s *source) open() (io.ReadCloser, error) {
	if s.spent() {
		return nil, fault.New(fault.Unavailable, "the connection broke off, and what was sent cannot be read again").
			WithHint("send it from a file")
	}
	if !s.back {
		p := &piped{source: s}
		p.out, p.in = io.Pipe()
		return p, nil
	}
	s.release()
	s.lock.Lock()
	defer s.lock.Unlock()
	if _, err := s.r.(io.Seeker).Seek(s.start, io.SeekStart); err != nil {
		return nil, err
	}
	s.current = &reading{source: s}
	return s.current, nil
}

// spent tells whether there is no second reading.
func (s *source) spent() bool { return s.used.Load() }

// release takes the reader away from a connection that may still hold it.
func (s *source) release() {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.current = nil
}

// reading is one reading of a file, by a connection.
type reading struct{ source *source }

var errReleased = errors.New("read after the end of the request")

func (r *reading) Read(b []byte) (int, error) {
	r.source.lock.Lock()
	defer r.source.lock.Unlock()
	if r.source.current != r {
		return 0, errReleased
	}
	return r.source.r.Read(b)
}

func (r *reading) Close() error { return nil }

// piped is the one reading of a stream. The stream may stand still for ever, and
// net/http waits for reads of what it sends: Close ends them.
type piped struct {
	source *source
	begin  sync.Once
	out    *io.PipeReader
	in     *io.PipeWriter
}

func (p *piped) Read(b []byte) (int, error) {
	p.begin.Do(func() {
		p.source.used.Store(true)
		go func() {
			_, err := io.Copy(p.in, p.source.r)
			p.in.CloseWithError(err)
		}()
	})
	return p.out.Read(b)
}

func (p *piped) Close() error { return p.out.Close() }
