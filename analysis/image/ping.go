package image

import (
	"context"
	"io"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/tidepole/tidepole/formats/fault"
)

// Ping tells whether a registry is there and takes the credentials that are known
// for it. A fault.Denied is its refusal.
func Ping(ctx context.Context, registry string, o Registry) error {
	g, err := newGuard(o, registry)
	if err != nil {
		return err
	}
	defer g.close()
	opts := []name.Option{name.StrictValidation}
	if g.allowsPlain(registry) {
		opts = append(opts, name.Insecure)
	}
	reg, err := name.NewRegistry(registry, opts...)
	if err != nil {
		return fault.New(fault.Invalid, "%q is not a registry that can be asked", printable(registry))
	}
	auth, err := o.authenticator(ctx, registry)
	if err != nil {
		return err
	}
	fail := registryFault{authority: registry, signedIn: auth != nil, plainly: g.allowsPlain(registry)}
	signing, cancel := o.signingIn(ctx)
	defer cancel()
	signed, err := transport.NewWithContext(signing, reg, orAnonymous(auth), g, nil)
	if err != nil {
		return fail.of(ctx, err)
	}
	req, err := http.NewRequestWithContext(signing, http.MethodGet, reg.Scheme()+"://"+reg.RegistryStr()+"/v2/", nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Transport: signed}).Do(req)
	if err != nil {
		return fail.of(ctx, err)
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	return fail.of(ctx, transport.CheckError(resp, http.StatusOK))
}
