package image

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
)

// registryClient reads manifests and blobs of one repository.
type registryClient struct {
	http  *http.Client
	guard *guard
	repo  name.Repository
	fail  registryFault
	stall time.Duration
}

// retried are the answers after which a registry is asked again.
var retried = []int{
	http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
	http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout,
}

// newRegistryClient signs in to the repository's registry.
func newRegistryClient(ctx context.Context, ref reference.Reference, o Registry) (*registryClient, error) {
	g, err := newGuard(o, ref.Registry)
	if err != nil {
		return nil, err
	}
	auth, err := o.authenticator(ctx, ref.Registry)
	if err != nil {
		return nil, err
	}
	repo, err := repositoryOf(ref, g.allowsPlain(ref.Registry))
	if err != nil {
		return nil, err
	}
	c := &registryClient{
		guard: g, repo: repo, stall: o.stall(),
		fail: registryFault{authority: ref.Registry, signedIn: auth != nil, plainly: g.allowsPlain(ref.Registry)},
	}
	inner := transport.NewRetry(g,
		transport.WithRetryBackoff(transport.Backoff{Duration: 300 * time.Millisecond, Factor: 4, Jitter: 0.1, Steps: 3}),
		transport.WithRetryPredicate(isBusy), transport.WithRetryStatusCodes(retried...))
	signing, cancel := o.signingIn(ctx)
	defer cancel()
	signed, err := transport.NewWithContext(signing, repo.Registry, orAnonymous(auth), inner, []string{c.repo.Scope(transport.PullScope)})
	if err != nil {
		g.close()
		return nil, c.fail.of(ctx, err)
	}
	c.http = &http.Client{Transport: signed}
	return c, nil
}

// signingIn bounds how long signing in may take in all: of its answers only the
// beginning is watched.
func (o Registry) signingIn(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, attempts*o.stall(), errStalled)
}

// repositoryOf is the repository as its registry calls it: Docker Hub keeps
// "alpine" as "library/alpine".
func repositoryOf(ref reference.Reference, plain bool) (name.Repository, error) {
	opts := []name.Option{name.StrictValidation}
	if plain {
		opts = append(opts, name.Insecure)
	}
	path := ref.Repository
	if ref.Registry == "docker.io" && !strings.Contains(path, "/") {
		path = "library/" + path
	}
	repo, err := name.NewRepository(ref.Registry+"/"+path, opts...)
	if err != nil {
		return repo, fault.New(fault.Invalid, "%w", err)
	}
	if reg, err := name.NewRegistry(ref.Registry, opts...); err != nil || reg.RegistryStr() != repo.RegistryStr() {
		return repo, fault.New(fault.Invalid, "%q is not a registry that can be asked", printable(ref.Registry))
	}
	return repo, nil
}

func (c *registryClient) close() error {
	c.guard.close()
	return nil
}

// manifestAnswer is what a registry says a manifest is.
type manifestAnswer struct {
	data      []byte
	mediaType types.MediaType
	digest    string // as the registry announces it; "" where it does not
}

// accepted are the manifests asked for.
var accepted = strings.Join([]string{
	string(types.OCIManifestSchema1), string(types.DockerManifestSchema2),
	string(types.OCIImageIndex), string(types.DockerManifestList),
}, ", ")

// manifest gets a manifest or an index by tag or digest.
func (c *registryClient) manifest(ctx context.Context, name string, limits Limits) (manifestAnswer, error) {
	var answer manifestAnswer
	err := c.again(ctx, func() error {
		resp, err := c.get(ctx, "manifests/"+name, 0)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		answer.mediaType = types.MediaType(strings.TrimSpace(strings.Split(resp.Header.Get("Content-Type"), ";")[0]))
		answer.digest = resp.Header.Get("Docker-Content-Digest")
		answer.data, err = readSmall(resp.Body, limits.MaxManifestBytes)
		return err
	})
	return answer, c.fail.of(ctx, err)
}

// open gives a blob's or a manifest's bytes. Where the connection breaks, the
// stream goes on with another.
func (c *registryClient) open(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	path := "blobs/" + d.Digest.String()
	if isManifest(d.MediaType) {
		path = "manifests/" + d.Digest.String()
	}
	r := &resuming{ctx: ctx, size: d.Size, fail: c.fail, from: func(offset int64) (io.ReadCloser, error) {
		resp, err := c.get(ctx, path, offset)
		if err != nil {
			return nil, err
		}
		return resp.Body, nil
	}}
	err := c.again(ctx, r.connect)
	switch {
	case err == nil:
		return r, nil
	case isMissing(err) && len(d.URLs) > 0:
		return c.foreign(ctx, d, c.fail.of(ctx, err))
	}
	return nil, c.fail.of(ctx, err)
}

// get asks for a path of the repository, from an offset on.
func (c *registryClient) get(ctx context.Context, path string, offset int64) (*http.Response, error) {
	url := c.repo.Scheme() + "://" + c.repo.RegistryStr() + "/v2/" + c.repo.RepositoryStr() + "/" + path
	accept := ""
	if strings.HasPrefix(path, "manifests/") {
		accept = accepted
	}
	return c.ask(ctx, c.http, url, accept, offset)
}

// ask asks for what is at an address, from an offset on. The answer's body fails
// where it stalls.
func (c *registryClient) ask(ctx context.Context, client *http.Client, url, accept string, offset int64) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		cancel(nil)
		return nil, err
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	want := []int{http.StatusOK}
	if offset > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(offset, 10)+"-")
		want = append(want, http.StatusPartialContent)
	}
	watch := watchStall(c.stall, cancel)
	resp, err := client.Do(req)
	watch.Stop()
	if err != nil {
		err = orCause(ctx, err)
		cancel(nil)
		return nil, err
	}
	resp.Body = &watched{ReadCloser: resp.Body, ctx: ctx, cancel: cancel, timer: watch, every: c.stall}
	if err := transport.CheckError(resp, want...); err != nil {
		resp.Body.Close()
		return nil, err
	}
	if offset > 0 {
		if err := skipTo(resp, offset); err != nil {
			resp.Body.Close()
			return nil, err
		}
	}
	return resp, nil
}

// skipTo brings an answer's body to the offset that was asked for, which the
// registry may not have heeded.
func skipTo(resp *http.Response, offset int64) error {
	if resp.StatusCode == http.StatusPartialContent {
		if strings.HasPrefix(resp.Header.Get("Content-Range"), "bytes "+strconv.FormatInt(offset, 10)+"-") {
			return nil
		}
		return io.ErrUnexpectedEOF // another part than asked for: of no use
	}
	_, err := io.CopyN(io.Discard, resp.Body, offset)
	return err
}

// attempts bounds how often something is asked for that fails in passing.
const attempts = 4

// again does something until it works, fails for good, or has failed too often.
func (c *registryClient) again(ctx context.Context, do func() error) error {
	for n := 1; ; n++ {
		err := do()
		if err == nil || n == attempts || !isTransient(err) {
			return err
		}
		if err := pause(ctx, n); err != nil {
			return err
		}
	}
}

// pause waits before the next attempt: longer each time.
func pause(ctx context.Context, failures int) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(100 * time.Millisecond << (2 * (failures - 1))):
		return nil
	}
}

func contains(authorities []string, host string) bool {
	return slices.ContainsFunc(authorities, func(a string) bool { return authority(a) == authority(host) })
}
