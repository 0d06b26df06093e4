package image

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
)

// guard is what all requests to registries, token servers and wherever they
// redirect to pass through last. It speaks TLS, but to the authorities that the
// user named, and so no credential travels in the open by mistake.
type guard struct {
	options  Registry
	strict   *http.Transport
	trusting *http.Transport // does not check certificates
}

func newGuard(o Registry) (*guard, error) {
	roots, err := o.roots()
	if err != nil {
		return nil, err
	}
	g := &guard{options: o, strict: &http.Transport{
		Proxy:                 o.Proxy,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: o.stall(),
		ForceAttemptHTTP2:     true,
		DisableCompression:    true, // a blob's bytes are hashed as they are kept
	}}
	g.trusting = g.strict.Clone()
	g.trusting.TLSClientConfig.InsecureSkipVerify = true
	return g, nil
}

// roots are the certificates to trust; nil is the system's alone.
func (o Registry) roots() (*x509.CertPool, error) {
	if len(o.CAFiles) == 0 {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	for _, file := range o.CAFiles {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fault.New(fault.Invalid, "read the certificates to trust: %w", err)
		}
		if !pool.AppendCertsFromPEM(data) {
			return nil, fault.New(fault.Invalid, "read the certificates to trust: %s holds none in PEM form", printable(file))
		}
	}
	return pool, nil
}

// plainHTTPError is a request that would have gone out without TLS.
type plainHTTPError struct{ host string }

func (e *plainHTTPError) Error() string {
	return fmt.Sprintf("%s is to be spoken to over plain http, which was not allowed for it", printable(e.host))
}

// RoundTrip sends a request, or refuses to.
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Scheme != "https" && !g.allowsPlain(req.URL.Host) {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, &plainHTTPError{req.URL.Host}
	}
	if contains(g.options.SkipVerify, req.URL.Host) {
		return g.trusting.RoundTrip(req)
	}
	return g.strict.RoundTrip(req)
}

func (g *guard) allowsPlain(host string) bool { return contains(g.options.PlainHTTP, host) }

func (g *guard) close() {
	g.strict.CloseIdleConnections()
	g.trusting.CloseIdleConnections()
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
