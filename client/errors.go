package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/table"
)

const (
	maxErrorBytes = 64 << 10 // of an error answer that are read
	maxErrorText  = 300      // runes of an error answer that is not the API's
)

// tlsWanted is what Go's servers, and so our own, answer to plain http where they
// speak TLS; nginx has other words for it.
const tlsWanted = "HTTP request to an HTTPS server"

// unanswered is what a request came to that got no answer.
func (c *Client) unanswered(ctx context.Context, p *patience, k call, err error) error {
	if e := ended(ctx, k); e != nil {
		return e
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // the outer one repeats method and address
	}
	var o *ours
	if errors.As(err, &o) {
		return fmt.Errorf("%s: %w", k.doing, o.err)
	}
	if p.lost() {
		return c.silent(k, p)
	}
	var turn *redirect
	if errors.As(err, &turn) {
		f := fault.New(fault.Unavailable, "%s: %s: %w", k.doing, c.base, err)
		if turn.other {
			f.WithHint("if that is the server, set TIDEPOLE_URL to %s", turn.to)
		}
		return f
	}
	return c.unreachable(k, err)
}

// unreachable is a server to which there is no connection, or which broke it.
func (c *Client) unreachable(k call, err error) error {
	f := fault.New(fault.Unavailable, "%s: %s does not answer: %w", k.doing, c.base, err)
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.Is(err, http.ErrSchemeMismatch):
		return f.WithHint("the server speaks plain http: use http:// in TIDEPOLE_URL")
	case certificate(err):
		return f.WithHint("if its certificate is of an authority of your own, name the authority's certificate file")
	case errors.As(err, &dns) && dns.IsNotFound:
		return f.WithHint("there is no such host: correct TIDEPOLE_URL")
	}
	f.WithHint("start a server with 'tidepole serve', or name the one to use with TIDEPOLE_URL")
	unsent := errors.As(err, &op) && op.Op == "dial"
	return &failure{err: f, again: unsent || !k.once, unsent: unsent}
}

func (c *Client) silent(k call, p *patience) error {
	f := fault.New(fault.Unavailable, "%s: %s was silent for %s", k.doing, c.base, p.limit).
		WithHint("the server is overloaded or gone; what it was asked for may be done yet")
	f.Err = errSilent
	return &failure{err: f, again: !k.once}
}

// untaken is what a request came to whose answer could not be taken.
func (c *Client) untaken(ctx context.Context, p *patience, k call, a *answer, err error) error {
	var broken *cut
	if !errors.As(err, &broken) {
		return err
	}
	if e := ended(ctx, k); e != nil {
		return e
	}
	again := !k.once && !a.handed
	if p.lost() {
		f := c.silent(k, p).(*failure)
		f.again = again
		return f
	}
	f := fault.New(fault.Unavailable, "%s: the answer of %s broke off: %w", k.doing, c.base, broken.err)
	return &failure{err: f, again: again}
}

// ended is what is said where the caller's own context has ended.
func ended(ctx context.Context, k call) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", k.doing, context.Cause(ctx))
}

// refused is an answer that is not a success, as the fault the server had.
func (c *Client) refused(k call, resp *http.Response, r io.Reader) error {
	data, _ := io.ReadAll(io.LimitReader(r, maxErrorBytes))
	f := decodeError(resp.StatusCode, data)
	switch {
	case resp.StatusCode == http.StatusUnauthorized:
		f = c.denied(k)
	case f == nil && resp.StatusCode == http.StatusBadRequest && c.base.Scheme == "http" && bytes.Contains(data, []byte(tlsWanted)):
		f = fault.New(fault.Invalid, "%s: %s speaks HTTPS, not plain http", k.doing, c.base).
			WithHint("the server speaks HTTPS: use https://%s in TIDEPOLE_URL", c.base.Host+c.base.Path)
	case f == nil:
		f = fault.New(kindOf(resp.StatusCode), "%s: %s answered %s%s", k.doing, c.base, status(resp), quote(data))
	case f.Message == "":
		f.Message = fmt.Sprintf("%s: %s answered %s", k.doing, c.base, status(resp))
	}
	unsent := resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusServiceUnavailable
	again := unsent || passing(resp.StatusCode) && !k.once
	return &failure{err: f, again: again, unsent: unsent, after: retryAfter(resp.Header, time.Now())}
}

// denied never shows the password, nor what a proxy may say about it.
func (c *Client) denied(k call) *fault.Fault {
	const how = "set TIDEPOLE_USERNAME and TIDEPOLE_PASSWORD"
	if c.user == nil {
		return fault.New(fault.Denied, "%s: %s wants a user name and a password", k.doing, c.base).WithHint(how)
	}
	if password, _ := c.user.Password(); password == "" {
		return fault.New(fault.Denied, "%s: %s wants a password, and none was given for user %q", k.doing, c.base, c.user.Username()).
			WithHint("set TIDEPOLE_PASSWORD, or name a file with --password-file or TIDEPOLE_PASSWORD_FILE")
	}
	from := ""
	if c.passwordFrom != "" {
		from = fmt.Sprintf(" (from the %s)", c.passwordFrom)
	}
	return fault.New(fault.Denied, "%s: %s does not know user %q with this password%s", k.doing, c.base, c.user.Username(), from).
		WithHint("it may have been changed since: %s as the server has them for user %q", how, c.user.Username())
}

// decodeError reads the API's error body: version 2's, version 1's, and
// problem details (RFC 9457). It is nil where data is none of them.
func decodeError(code int, data []byte) *fault.Fault {
	var e struct {
		Type    string          `json:"error_type"`
		Message string          `json:"message"`
		Title   string          `json:"title"`
		Detail  json.RawMessage `json:"detail"`
	}
	if json.Unmarshal(data, &e) != nil || e.Type == "" && e.Message == "" && e.Title == "" {
		return nil
	}
	f := &fault.Fault{Kind: fault.ParseKind(e.Type), Message: table.Clean(e.Message)}
	if f.Kind == fault.Internal && e.Type != fault.Internal.String() {
		f.Kind = kindOf(code)
	}
	var words string
	json.Unmarshal(e.Detail, &f.Detail)
	json.Unmarshal(e.Detail, &words)
	if f.Message == "" {
		f.Message = table.Clean(strings.Trim(e.Title+": "+words, ": "))
	}
	if hint, ok := f.Detail["hint"].(string); ok {
		f.Hint = table.Clean(hint)
		delete(f.Detail, "hint")
	}
	if len(f.Detail) == 0 {
		f.Detail = nil
	}
	return f
}

// kindOf is the fault that an HTTP status stands for.
func kindOf(code int) fault.Kind {
	switch code {
	case http.StatusUnauthorized, http.StatusProxyAuthRequired:
		return fault.Denied
	case http.StatusForbidden:
		return fault.Forbidden
	case http.StatusNotFound, http.StatusGone:
		return fault.NotFound
	case http.StatusConflict:
		return fault.Conflict
	case http.StatusRequestEntityTooLarge:
		return fault.TooLarge
	case http.StatusUnsupportedMediaType, http.StatusNotImplemented, http.StatusMethodNotAllowed:
		return fault.Unsupported
	case http.StatusRequestTimeout, http.StatusTooManyRequests,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return fault.Unavailable
	}
	if code/100 == 4 {
		return fault.Invalid
	}
	if code/100 == 3 {
		return fault.Unavailable
	}
	return fault.Internal
}

// passing tells whether an HTTP status may be another the next time.
func passing(code int) bool {
	return code/100 == 5 && code != http.StatusNotImplemented || code == http.StatusRequestTimeout || code == http.StatusTooManyRequests
}

func status(resp *http.Response) string {
	return strings.TrimSpace(strconv.Itoa(resp.StatusCode) + " " + http.StatusText(resp.StatusCode))
}

var (
	unseen = regexp.MustCompile(`(?is)<(script|style)\b.*?</(script|style)\s*>|<!--.*?-->`)
	tags   = regexp.MustCompile(`(?s)<[^>]*>`)
)

// quote is what an answer says that is not the API's, as in a proxy's page:
// without its mark-up, in one short line.
func quote(data []byte) string {
	s := tags.ReplaceAllString(unseen.ReplaceAllString(string(data), " "), " ")
	s = table.Clean(strings.Join(strings.Fields(s), " "))
	if s == "" {
		return ""
	}
	if r := []rune(s); len(r) > maxErrorText {
		s = string(r[:maxErrorText]) + "…"
	}
	return ": " + s
}

// retryAfter is how long the server asks to wait, in seconds or until a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if n, err := strconv.Atoi(v); err == nil && n > 0 {
		return time.Duration(min(n, 3600)) * time.Second
	}
	if t, err := http.ParseTime(v); err == nil {
		return max(0, t.Sub(now))
	}
	return 0
}
