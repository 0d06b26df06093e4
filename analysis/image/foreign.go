package image

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/tidepole/tidepole/formats/fault"
)

// Bounds of the addresses that a manifest names for a layer that its registry
// does not keep.
const (
	maxForeign   = 10 // addresses of one layer that are tried
	maxRedirects = 5  // of one of them
)

// foreign gives a layer that the registry does not have from an address that the
// manifest names for it, as base images of Windows do. missing is what the
// registry said.
func (c *registryClient) foreign(ctx context.Context, d v1.Descriptor, missing error) (io.ReadCloser, error) {
	var tried []string
	kind := fault.NotFound
	for _, address := range d.URLs[:min(len(d.URLs), maxForeign)] {
		r, err := c.foreignAt(ctx, d, address)
		if err == nil {
			return r, nil
		}
		if cause := context.Cause(ctx); cause != nil {
			return nil, cause
		}
		if fault.Of(err) == fault.Unavailable {
			kind = fault.Unavailable // another time it may be there
		}
		tried = append(tried, shownAddress(address)+": "+err.Error())
	}
	if more := len(d.URLs) - maxForeign; more > 0 {
		tried = append(tried, "its other addresses are not tried")
	}
	return nil, fault.New(kind, "%w; nor is it at the addresses that the manifest names: %s", missing, strings.Join(tried, "; ")).
		WithHint("check whether the machine that pulls reaches them, or push the image with its foreign layers, " +
			"which Docker calls allow-nondistributable-artifacts")
}

// foreignAt opens a layer at an address.
func (c *registryClient) foreignAt(ctx context.Context, d v1.Descriptor, address string) (io.ReadCloser, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("it is no address")
	}
	fail := c.fail
	fail.authority, fail.signedIn = u.Host, false
	client := &http.Client{Transport: abroad{c.guard}, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return fault.New(fault.Forbidden, "it redirects more than %d times", maxRedirects)
		}
		return nil
	}}
	r := &resuming{ctx: ctx, size: d.Size, fail: fail, from: func(offset int64) (io.ReadCloser, error) {
		resp, err := c.ask(ctx, client, address, "", offset)
		if err != nil {
			return nil, err
		}
		return resp.Body, nil
	}}
	if err := c.again(ctx, r.connect); err != nil {
		return nil, bare(fail.of(ctx, err)) // where it redirects to may hold a signature
	}
	return r, nil
}

// shownAddress is an address without what may be a secret in it.
func shownAddress(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return printable(address)
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return printable(u.String())
}

// isMissing tells that a registry does not have what was asked for.
func isMissing(err error) bool {
	var answer *transport.Error
	return errors.As(err, &answer) && answer.StatusCode == http.StatusNotFound
}

// abroad is the way to addresses that whoever made the image chose. No credentials
// are taken along, and it does not lead further into this machine and its network
// than to where the registry is, or what the settings name.
type abroad struct{ *guard }

// RoundTrip sends a request, or refuses to.
func (a abroad) RoundTrip(req *http.Request) (*http.Response, error) {
	host := req.URL.Host
	switch {
	case req.URL.Scheme != "https" && req.URL.Scheme != "http":
		return nil, fault.New(fault.Forbidden, "only https and http are spoken")
	case req.URL.User != nil:
		return nil, fault.New(fault.Forbidden, "it holds credentials")
	case req.URL.Scheme == "http" && !a.allowsPlain(host) && !a.allowsPlain(a.registry):
		return nil, fault.New(fault.Forbidden, "plain http was allowed neither for it nor for the registry")
	}
	r, err := a.route(host)
	if err != nil {
		return nil, err
	}
	if contains(a.options.authorities(), host) {
		return r.RoundTrip(req)
	}
	if a.options.Proxy != nil {
		if proxy, err := a.options.Proxy(req); err != nil || proxy != nil {
			// It is the proxy that looks names up, and that decides.
			if err == nil {
				err = a.admits(host)
			}
			if err != nil {
				return nil, err
			}
			return r.RoundTrip(req)
		}
	}
	r = r.Clone()
	r.Proxy, r.DisableKeepAlives = nil, true
	r.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		d := *dialer
		d.ControlContext = func(_ context.Context, _, to string, _ syscall.RawConn) error { return a.admits(to) }
		return d.DialContext(ctx, network, addr)
	}
	return r.RoundTrip(req)
}

// authorities are those that the settings say something of.
func (o Registry) authorities() []string {
	all := append(o.named(), o.PlainHTTP...)
	for _, c := range o.Credentials {
		all = append(all, c.Authority)
	}
	return all
}

// admits tells whether an address is no nearer than the registry's.
func (g *guard) admits(addr string) error {
	if to := reachOf(addr); to == metadata || to > reach(g.near.Load()) {
		return fault.New(fault.Forbidden, "it is at %s, %s, which an image may not lead to; "+
			"if it may, name its host in registries of the configuration", printable(hostOf(addr)), to)
	}
	return nil
}

// reach is how near an address is: what is nearer is reached by fewer.
type reach int32

const (
	public   reach = iota
	private        // in a network of one's own
	loopback       // on this machine
	metadata       // on this wire, where clouds tell machines their secrets
)

func (r reach) String() string {
	return [...]string{"a public address", "a private address", "this machine", "a link-local address"}[r]
}

// sharedNet is the network behind carriers' address translation (RFC 6598).
var sharedNet = netip.MustParsePrefix("100.64.0.0/10")

// reachOf tells how near an address is, with or without a port; a name is public.
func reachOf(addr string) reach {
	ip, err := netip.ParseAddr(hostOf(addr))
	if err != nil {
		return public
	}
	ip = ip.Unmap().WithZone("")
	switch {
	case ip.IsLinkLocalUnicast(), ip.IsMulticast(), ip.IsUnspecified():
		return metadata
	case ip.IsLoopback():
		return loopback
	case ip.IsPrivate(), sharedNet.Contains(ip):
		return private
	}
	return public
}
