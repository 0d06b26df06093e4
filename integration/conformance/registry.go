package main

import (
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

const registryUser = "puller"

// registry is a registry on this machine with TLS, a certificate that nobody
// knows, a user and his password. There is none where the server is elsewhere.
func (r *Run) registry() (host string, stop func()) {
	u, err := url.Parse(r.base)
	if err != nil || !net.ParseIP(u.Hostname()).IsLoopback() && u.Hostname() != "localhost" {
		r.Skip("the server is on another machine, and would not find a registry on this one")
		return "", nil
	}
	next := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if user, password, _ := req.BasicAuth(); user != registryUser || password != registryPassword {
			w.Header().Set("WWW-Authenticate", `Basic realm="conformance"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, req)
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	return strings.TrimPrefix(server.URL, "https://"), server.Close
}

// push puts an image of no meaning into a registry of one's own.
func (r *Run) push(ref string) {
	tag, err := name.NewTag(ref)
	if err == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // it is our own
		defer transport.CloseIdleConnections()
		img, _ := random.Image(100, 1)
		err = remote.Write(tag, img, remote.WithTransport(transport), remote.WithContext(r.Context),
			remote.WithAuth(&authn.Basic{Username: registryUser, Password: registryPassword}))
	}
	if err != nil {
		r.Failf("push %s: %v", ref, err)
	}
}
