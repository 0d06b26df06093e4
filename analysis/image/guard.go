package image

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
)

// guard is what all requests of the conversation with one registry pass through
// last: those to it, to its token server, and to wherever they redirect. It speaks
// TLS, but to the authorities that the user named, and so no credential travels in
// the open by mistake; and it takes credentials to no host that they are not for.
type guard struct {
	options  Registry
	registry string       // the authority that the conversation is with
	near     atomic.Int32 // how near the registry is, as connections to it tell: a reach

	mu     sync.Mutex
	routes map[string]*http.Transport // by authority, and "" for all that have no settings of their own
}

// newGuard guards the conversation with a registry.
func newGuard(o Registry, registry string) (*guard, error) {
	g := &guard{options: o, registry: authority(registry), routes: map[string]*http.Transport{}}
	_, err := g.route(registry) // that its certificates cannot be read is told before anything else
	return g, err
}

// named are the authorities that differ in how their certificates are checked.
func (o Registry) named() []string {
	var all []string
	for _, a := range o.SkipVerify {
		all = append(all, authority(a))
	}
	for _, c := range o.CAs {
		all = append(all, authority(c.Authority))
	}
	return all
}

// tls is how certificates of an authority are checked. Trusted are the system's,
// its own, and the registry's own, wherever that leads: whom the registry's are
// given away to is the registry's to say in any case. Another registry's are not.
func (g *guard) tls(host string) (*tls.Config, error) {
	roots, err := g.options.roots(g.registry, host)
	if err != nil {
		return nil, err
	}
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12, InsecureSkipVerify: contains(g.options.SkipVerify, host)}, nil
}

// roots are the certificates to trust for some authorities; nil is the system's
// alone.
func (o Registry) roots(authorities ...string) (*x509.CertPool, error) {
	var pool *x509.CertPool
	for _, c := range o.CAs {
		if !contains(authorities, c.Authority) {
			continue
		}
		data, err := os.ReadFile(c.File)
		if err != nil {
			return nil, fault.New(fault.Invalid, "read the certificates to trust for %s: %w", printable(c.Authority), err)
		}
		if pool == nil {
			if pool, err = x509.SystemCertPool(); err != nil {
				pool = x509.NewCertPool()
			}
		}
		if !pool.AppendCertsFromPEM(data) {
			return nil, fault.New(fault.Invalid, "read the certificates to trust for %s: %s holds none in PEM form", printable(c.Authority), printable(c.File))
		}
	}
	return pool, nil
}

// dial connects, and notes how near the registry is.
func (g *guard) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := dialer.DialContext(ctx, network, addr)
	if err == nil && hostOf(addr) == hostOf(g.registry) {
		g.near.Store(int32(reachOf(conn.RemoteAddr().String())))
	}
	return conn, err
}

var dialer = &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}

// plainHTTPError is a request that would have gone out without TLS.
type plainHTTPError struct{ host string }

func (e *plainHTTPError) Error() string {
	return fmt.Sprintf("%s is to be spoken to over plain http, which was not allowed for it", printable(e.host))
}

// strayError is a request that would have taken credentials to another host.
type strayError struct{ host, why string }

func (e *strayError) Error() string {
	return fmt.Sprintf("the credentials were to be sent to %s, %s", printable(e.host), e.why)
}

// RoundTrip sends a request, or refuses to.
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	err := g.strays(req)
	if req.URL.Scheme != "https" && !g.allowsPlain(req.URL.Host) {
		err = &plainHTTPError{req.URL.Host}
	}
	if err != nil {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, err
	}
	r, err := g.route(req.URL.Host)
	if err != nil {
		return nil, err
	}
	return r.RoundTrip(req)
}

// strays tells of a request that holds credentials whether it takes them where
// they do not belong.
//
// A token server may be another host than its registry, which names it: that of
// Docker Hub is. But what was said over plain http anybody on the way may have
// said. And whoever is sent credentials may not send them on: of basic
// authentication Go sees to that, but the body of a request is repeated.
func (g *guard) strays(req *http.Request) error {
	if !holdsCredentials(req) {
		return nil
	}
	to := req.URL
	if req.Response != nil && req.Response.Request != nil {
		if from := req.Response.Request.URL; from.Scheme != to.Scheme || authority(from.Host) != authority(to.Host) {
			return &strayError{to.Host, "by a redirect from " + printable(from.Host)}
		}
	}
	if g.allowsPlain(g.registry) && hostOf(to.Host) != hostOf(g.registry) && !g.allowsPlain(to.Host) {
		return &strayError{to.Host, "which is named over plain http"}
	}
	return nil
}

// holdsCredentials tells a request with a user and a password, or for a token by
// another one. A token itself is sent to nobody but who issued it, or the registry.
func holdsCredentials(req *http.Request) bool {
	_, _, basic := req.BasicAuth()
	return basic || req.Method == http.MethodPost
}

// route is the way to an authority.
func (g *guard) route(host string) (*http.Transport, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := authority(host)
	if !slices.Contains(g.options.named(), key) {
		key = ""
	}
	if r := g.routes[key]; r != nil {
		return r, nil
	}
	tls, err := g.tls(key)
	if err != nil {
		return nil, err
	}
	g.routes[key] = &http.Transport{
		Proxy:                 g.options.Proxy,
		DialContext:           g.dial,
		TLSClientConfig:       tls,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: g.options.stall(),
		ForceAttemptHTTP2:     true,
		DisableCompression:    true, // a blob's bytes are hashed as they are kept
	}
	return g.routes[key], nil
}

func (g *guard) allowsPlain(host string) bool { return contains(g.options.PlainHTTP, host) }

func (g *guard) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, r := range g.routes {
		r.CloseIdleConnections()
	}
}

// hostOf is a host without its port, in the one way that can be compared.
func hostOf(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		hostport = host
	}
	return authority(strings.Trim(hostport, "[]"))
}

// authority is a host with its port in the one way that can be compared: Docker
// Hub has several names.
func authority(host string) string {
	host = strings.ToLower(host)
	switch host {
	case "index.docker.io", "registry-1.docker.io":
		return "docker.io"
	}
	return host
}
