package image

import (
	"context"
	"io"
	"net/http"

	"github.com/tidepole/tidepole/formats/reference"
)

// ReadExport reads what a daemon would have saved, and gives the manifest.
func ReadExport(ctx context.Context, from io.Reader, expected []string, limits Limits, r Reading) ([]byte, error) {
	v, err := newVisit(Request{Options: Options{Limits: limits}}, "docker")
	if err != nil {
		return nil, err
	}
	open := func(context.Context) (io.ReadCloser, error) { return io.NopCloser(from), nil }
	at, pic, err := newPass(v, r).exported(ctx, expected, open)
	if err != nil {
		return nil, err
	}
	return at.manifest.data, v.suits(at, pic)
}

// RepositoryURL is where a repository's manifests and blobs are asked for.
func RepositoryURL(ref string, plain bool) (string, error) {
	r, err := reference.Parse(ref)
	if err != nil {
		return "", err
	}
	repo, err := repositoryOf(r, plain)
	if err != nil {
		return "", err
	}
	return repo.Scheme() + "://" + repo.RegistryStr() + "/v2/" + repo.RepositoryStr(), nil
}

// Reach is how near an address is.
func Reach(addr string) string { return reachOf(addr).String() }

// AskAbroad asks for an address that an image from a registry names, when a
// connection to the registry has been made.
func AskAbroad(ctx context.Context, o Registry, registry, url string) error {
	g, err := newGuard(o, registry)
	if err != nil {
		return err
	}
	defer g.close()
	g.near.Store(int32(reachOf(registry)))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := abroad{g}.RoundTrip(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
