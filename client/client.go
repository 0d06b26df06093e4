// Package client is an import server seen from afar: the operations of the
// server's own value, over HTTP.
package client

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
)

// Options say where the server is, who asks, and how patient the client is.
type Options struct {
	URL          string // as in "https://tidepole.example:8228"; a trailing /v2 or /v1 is allowed
	Username     string
	Password     string
	PasswordFrom string // where the password is from, for whoever is told that it is wrong; may be ""
	Account      string // "" is the user's own

	UserAgent  string
	CAFiles    []string                              // certificates to trust besides the system's, PEM
	SkipVerify bool                                  // do not verify the server's certificate
	Proxy      func(*http.Request) (*url.URL, error) // nil: none

	StateDir string // where unfinished uploads are remembered; "": they are not
	TempDir  string // where parts are compressed before they are sent; "": the system's

	Timeout time.Duration // how long the server may be silent; 0: a minute
	Retry   Retry

	Progress func(Progress) // may be nil
	Notify   func(Notice)   // may be nil; told of what went wrong and was got over
	Trace    func(Trace)    // may be nil; told of every request, from any goroutine
}

// Progress is how much of one part has been sent.
type Progress struct {
	Stage    string // upload
	Item     string // the part's kind
	Done     int64  // bytes as they are sent
	Total    int64
	Finished bool
}

// Notice is something that went wrong and did not end the operation.
type Notice struct {
	Err  error
	Wait time.Duration // until it is tried again; 0: it is not
}

// Client speaks to one server as one user. It is safe for concurrent use.
type Client struct {
	base         *url.URL // without the version
	user         *url.Userinfo
	passwordFrom string
	account      string
	userAgent    string
	stateDir     string
	tempDir      string
	timeout      time.Duration
	retry        Retry
	progress     func(Progress)
	notify       func(Notice)
	http         *http.Client
}

// New makes a client. It sends nothing yet.
func New(o Options) (*Client, error) {
	base, err := parseURL(o.URL)
	if err != nil {
		return nil, err
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Minute
	}
	transport, err := newTransport(o)
	if err != nil {
		return nil, err
	}
	c := &Client{
		base: base, account: o.Account, passwordFrom: o.PasswordFrom, userAgent: o.UserAgent,
		stateDir: o.StateDir, tempDir: o.TempDir,
		timeout: o.Timeout, retry: o.Retry.withDefaults(),
		progress: o.Progress, notify: o.Notify,
		http: &http.Client{Transport: transport, CheckRedirect: checkRedirect},
	}
	if o.Trace != nil {
		c.http.Transport = traced{transport, o.Trace}
	}
	if o.Username != "" || o.Password != "" {
		c.user = url.UserPassword(o.Username, o.Password)
	}
	if c.progress == nil {
		c.progress = func(Progress) {}
	}
	if c.notify == nil {
		c.notify = func(Notice) {}
	}
	return c, nil
}

// URL is the server's address, as errors name it.
func (c *Client) URL() string { return c.base.String() }

// Close drops idle connections. The client can be used on.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// parseURL reads the server's address. What it was given is not repeated in
// errors before it is known to hold no password.
func parseURL(raw string) (*url.URL, error) {
	const hint = "an address looks like http://127.0.0.1:8228; set it with TIDEPOLE_URL"
	if raw == "" {
		return nil, fault.New(fault.Invalid, "no server is named").WithHint(hint)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fault.New(fault.Invalid, "the server's address is not a URL").WithHint(hint)
	}
	if u.User != nil {
		return nil, fault.New(fault.Invalid, "the server's address has a user name in it").
			WithHint("use TIDEPOLE_USERNAME and TIDEPOLE_PASSWORD")
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fault.New(fault.Invalid, "the server's address %q does not start with http:// or https:// and a host", raw).WithHint(hint)
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return nil, fault.New(fault.Invalid, "the server's address %q has a query or a fragment", raw).WithHint(hint)
	}
	path := strings.TrimRight(u.Path, "/")
	for _, version := range []string{"/v2", "/v1"} { // as variables of other clients have it
		if above, ok := strings.CutSuffix(path, version); ok {
			path = strings.TrimRight(above, "/")
			break
		}
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: path}, nil
}
