package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
)

const (
	connectTimeout = 10 * time.Second
	maxRedirects   = 5
	maxHeaderBytes = 1 << 20
)

// newTransport makes the connections of one client; they are shared with no other.
func newTransport(o Options) (*http.Transport, error) {
	roots, err := trusted(o.CAFiles)
	if err != nil {
		return nil, err
	}
	limit := min(connectTimeout, o.Timeout)
	return &http.Transport{
		Proxy:                  o.Proxy,
		DialContext:            (&net.Dialer{Timeout: limit, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:    limit,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, InsecureSkipVerify: o.SkipVerify},
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        90 * time.Second,
		ExpectContinueTimeout:  time.Second,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}, nil
}

// trusted are the system's authorities and those in files; nil stands for the
// system's alone.
func trusted(files []string) (*x509.CertPool, error) {
	if len(files) == 0 {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	for _, name := range files {
		pem, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read trusted certificates: %w", err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fault.New(fault.Invalid, "read trusted certificates: %s holds no certificate in PEM form", name)
		}
	}
	return pool, nil
}

// checkRedirect follows a redirect only where the same request goes to the
// same server: credentials and evidence are for no other.
func checkRedirect(req *http.Request, via []*http.Request) error {
	from, to := via[len(via)-1], req.URL
	target := to.Scheme + "://" + to.Host
	switch {
	case len(via) >= maxRedirects:
		return &redirect{to: target, why: fmt.Sprintf("it is the redirect number %d", len(via))}
	case from.URL.Scheme == "https" && to.Scheme != "https":
		return &redirect{to: target, why: "it leads from https to plain http"}
	case !strings.EqualFold(from.URL.Hostname(), to.Hostname()):
		return &redirect{to: target, why: "it leads to another host", other: true}
	case from.URL.Scheme == to.Scheme && from.URL.Port() != to.Port(),
		from.URL.Scheme != to.Scheme && !(usualPort(from.URL) && usualPort(to)):
		return &redirect{to: target, why: "it leads to another port", other: true}
	case req.Method != from.Method:
		return &redirect{to: target, why: fmt.Sprintf("it turns a %s into a %s", from.Method, req.Method), other: true}
	}
	return nil
}

// usualPort tells whether an address has the port of its scheme: from http to https,
// the server at that is the same, and at any other it may be somebody else's.
func usualPort(u *url.URL) bool {
	return u.Port() == "" || u.Scheme == "http" && u.Port() == "80" || u.Scheme == "https" && u.Port() == "443"
}

// redirect is a redirect that is not followed.
type redirect struct {
	to, why string
	other   bool // naming the other address would help
}

func (r *redirect) Error() string {
	return fmt.Sprintf("the redirect to %s is not followed: %s", r.to, r.why)
}

// certificate tells whether err is about who the server is, not about whether
// it answers: trying again does not help.
func certificate(err error) bool {
	var verify *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	return errors.As(err, &verify) || errors.As(err, &record) || errors.As(err, &alert) || errors.Is(err, http.ErrSchemeMismatch)
}
