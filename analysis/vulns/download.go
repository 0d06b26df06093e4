package vulns

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
)

// client downloads, and gives up where nothing comes any more.
type client struct {
	http  *http.Client
	stall time.Duration
}

func newClient(o Options) (*client, error) {
	roots, err := roots(o.CAFiles)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy:                 o.Proxy,
		DialContext:           (&net.Dialer{Timeout: 30 * time.Second}).DialContext,
		TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   o.Stall,
		ResponseHeaderTimeout: o.Stall,
		ForceAttemptHTTP2:     true,
		DisableCompression:    true, // an archive's bytes are what the checksum is of
	}
	return &client{stall: o.Stall, http: &http.Client{Transport: transport, CheckRedirect: checkRedirect}}, nil
}

// roots are the system's certificates and those of files; nil without files.
func roots(files []string) (*x509.CertPool, error) {
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
			return nil, fault.New(fault.Invalid, "read CA certificates: %w", err)
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fault.New(fault.Invalid, "read CA certificates: %s holds none in PEM form", name)
		}
	}
	return pool, nil
}

// checkRedirect keeps what began encrypted encrypted.
func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("stopped after 10 redirects")
	}
	if via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
		return errors.New("redirected from https to http")
	}
	return nil
}

// errStalled is why a download without progress ends.
var errStalled = errors.New("the server sends nothing any more")

// download is a body that ends with an error when it stalls.
type download struct {
	body   io.ReadCloser
	etag   string
	cancel context.CancelCauseFunc
	ctx    context.Context
	timer  *time.Timer
	stall  time.Duration
	url    *url.URL
	err    error // why reading failed
}

// get gives errSame where the server still has what etag names.
func (c *client) get(ctx context.Context, u *url.URL, etag string) (*download, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		cancel(nil)
		return nil, unreachable(u, err)
	}
	req.Header.Set("User-Agent", "tidepole")
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	res, err := c.http.Do(req)
	if err != nil {
		cancel(nil)
		return nil, unreachable(u, err)
	}
	d := &download{body: res.Body, etag: res.Header.Get("ETag"), cancel: cancel, ctx: ctx, stall: c.stall, url: u}
	d.timer = time.AfterFunc(c.stall, func() { cancel(errStalled) })
	switch {
	case res.StatusCode == http.StatusOK:
		return d, nil
	case res.StatusCode == http.StatusNotModified && etag != "":
		err = errSame
	default:
		err = unreachable(u, fmt.Errorf("the server answers %q", res.Status))
	}
	return nil, errors.Join(err, d.Close())
}

func (d *download) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	d.timer.Reset(d.stall)
	n, err := d.body.Read(p)
	d.timer.Stop()
	if err != nil && !errors.Is(err, io.EOF) {
		if cause := context.Cause(d.ctx); cause != nil {
			err = cause
		}
		d.err = unreachable(d.url, err)
		err = d.err
	}
	return n, err
}

// Close ends the transfer, wherever it is.
func (d *download) Close() error {
	d.timer.Stop()
	d.cancel(nil)
	return d.body.Close()
}

// unreachable makes a failed download a fault that says how to do without.
func unreachable(u *url.URL, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err // it repeats the URL, query and all
	}
	return fault.New(fault.Unavailable, "download vulnerability database: get %s: %w", plain(u), err).
		WithHint("without a network, download the archive elsewhere and bring it in: tidepole vulndb import FILE")
}
