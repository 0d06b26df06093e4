package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

// How many times Options.Timeout the server may be silent while it works.
const (
	usual   = 1
	working = 5  // asks a registry, matches, evaluates, encodes
	slow    = 30 // fetches or checks a vulnerability database
)

// call is one request and what is made of its answer.
type call struct {
	doing    string // begins the errors, as in "list images"
	method   string // "": GET
	route    string
	values   []string // of the route's braces
	query    url.Values
	body     *body
	patience int  // 0: usual
	also     int  // a status besides the 2xx that is an answer
	once     bool // must not be sent again where the first may have arrived
	take     func(*answer) error
}

// body is what a request carries; it is opened anew for each try.
type body struct {
	open      func() (io.ReadCloser, error)
	length    int64 // -1 where unknown
	mediaType string
	encoding  string      // as in "zstd"
	spent     func() bool // nothing can be sent once more; may be nil
}

// answer is a successful one.
type answer struct {
	header http.Header
	body   io.Reader
	handed bool // something of it went to the caller: there is no second try
}

// verb is the call's method.
func (k call) verb() string { return cmp.Or(k.method, http.MethodGet) }

// do makes a call, again where that helps.
func (c *Client) do(ctx context.Context, k call) error {
	return c.persist(ctx, c.retry.Call, func(ctx context.Context) error { return c.try(ctx, k) })
}

// try makes a call once. A *failure says what another try could bring.
func (c *Client) try(ctx context.Context, k call) error {
	err := c.exchange(ctx, k)
	var f *failure
	if k.body != nil && k.body.spent != nil && errors.As(err, &f) && k.body.spent() {
		f.again = false
	}
	return err
}

// exchange sends a call's request and takes its answer.
func (c *Client) exchange(ctx context.Context, k call) (err error) {
	ctx, span := trace.SpanFromContext(ctx).TracerProvider().Tracer("github.com/tidepole/tidepole").Start(
		ctx, k.verb()+" "+k.route, trace.WithSpanKind(trace.SpanKindClient))
	defer func() { endSpan(span, err) }()
	p := newPatience(ctx, c.timeout*time.Duration(max(k.patience, usual)))
	defer p.stop()
	req, err := c.request(p, k)
	if err != nil {
		return fmt.Errorf("%s: %w", k.doing, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return c.unanswered(ctx, p, k, err)
	}
	defer drain(resp.Body)
	span.SetAttributes(attribute.Int("http.response.status_code", resp.StatusCode))
	a := &answer{header: resp.Header, body: &receiving{resp.Body, p}}
	if resp.StatusCode/100 != 2 && resp.StatusCode != k.also {
		return c.refused(k, resp, a.body)
	}
	if err := k.take(a); err != nil {
		return c.untaken(ctx, p, k, a, err)
	}
	return nil
}

// request fills in the HTTP request of a call.
func (c *Client) request(p *patience, k call) (*http.Request, error) {
	for _, v := range k.values {
		if v == "" || v == "." || v == ".." {
			return nil, fault.New(fault.Invalid, "%q names nothing", v)
		}
	}
	target := c.base.String() + wire.Path(k.route, k.values...)
	if len(k.query) > 0 {
		target += "?" + k.query.Encode()
	}
	req, err := http.NewRequestWithContext(p.ctx, k.verb(), target, nil)
	if err != nil {
		return nil, err
	}
	if k.body != nil {
		if err := k.body.attach(req, p); err != nil {
			return nil, err
		}
	}
	propagation.TraceContext{}.Inject(p.ctx, propagation.HeaderCarrier(req.Header))
	req.Header.Set("Accept", "*/*")
	if c.userAgent != "" {
		req.Header.Set("User-Agent", c.userAgent)
	}
	if c.user != nil {
		password, _ := c.user.Password()
		req.SetBasicAuth(c.user.Username(), password)
	}
	if c.account != "" {
		req.Header.Set(wire.AccountHeader, c.account)
	}
	return req, nil
}

// endSpan ends the span of an exchange. Of an error it says the kind: the text may
// name what is asked for.
func endSpan(span trace.Span, err error) {
	if err != nil {
		kind := fault.Of(err).String()
		span.SetAttributes(attribute.String("error.type", kind))
		span.SetStatus(codes.Error, kind)
	}
	span.End()
}

// attach makes the body the request's. A large one waits for the server to say
// that it wants it.
func (b *body) attach(req *http.Request, p *patience) error {
	open := func() (io.ReadCloser, error) {
		r, err := b.open()
		if err != nil {
			return nil, err
		}
		context.AfterFunc(p.ctx, func() { r.Close() })
		return &sending{r, p}, nil
	}
	r, err := open()
	if err != nil {
		return err
	}
	req.Body, req.GetBody, req.ContentLength = r, open, b.length
	if b.length == 0 {
		r.Close()
		req.Body = http.NoBody
	}
	req.Header.Set("Content-Type", b.mediaType)
	if b.encoding != "" {
		req.Header.Set("Content-Encoding", b.encoding)
	}
	if b.length < 0 || b.length > wholeLimit {
		req.Header.Set("Expect", "100-continue")
	}
	return nil
}

// drain lets the connection be used again where little is left to read.
func drain(r io.ReadCloser) {
	io.CopyN(io.Discard, r, 64<<10)
	r.Close()
}

// flag is a query's boolean; false is left out.
func flag(q url.Values, name string, value bool) {
	if value {
		q.Set(name, strconv.FormatBool(value))
	}
}

// text is a query's string; "" is left out.
func text(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}
