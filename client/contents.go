package client

import (
	"context"
	"io"

	"github.com/tidepole/tidepole/formats/wire"
)

// of is a call about one image.
func of(digest, doing, route string, more ...string) call {
	return call{doing: doing + " of " + digest, route: route, values: append([]string{digest}, more...)}
}

// ContentTypes are the types of content an image has.
func (c *Client) ContentTypes(ctx context.Context, digest string) ([]string, error) {
	return get[[]string](ctx, c, of(digest, "list content types", wire.RouteContentTypes))
}

// Packages are an image's packages of one content type.
func (c *Client) Packages(ctx context.Context, digest, contentType string) (wire.Content[wire.Package], error) {
	return get[wire.Content[wire.Package]](ctx, c, of(digest, "get "+contentType+" packages", wire.RouteContent, contentType))
}

// Files hands an image's files to visit as they arrive; an error of visit ends
// it and is returned as it is.
func (c *Client) Files(ctx context.Context, digest string, visit func(wire.File) error) error {
	k := of(digest, "get files", wire.RouteContent, "files")
	k.take = func(a *answer) error { return each(a, "content", k.doing, visit) }
	return c.do(ctx, k)
}

// Secrets are the places where a secret was found.
func (c *Client) Secrets(ctx context.Context, digest string) ([]wire.SearchResult, error) {
	return get[[]wire.SearchResult](ctx, c, of(digest, "get secrets", wire.RouteSecretSearch))
}

// ContentSearches are the places where a pattern of the user's matched.
func (c *Client) ContentSearches(ctx context.Context, digest string) ([]wire.SearchResult, error) {
	return get[[]wire.SearchResult](ctx, c, of(digest, "get content searches", wire.RouteContentSearch))
}

// RetrievedFiles are the files that were kept whole.
func (c *Client) RetrievedFiles(ctx context.Context, digest string) ([]wire.RetrievedFile, error) {
	return get[[]wire.RetrievedFile](ctx, c, of(digest, "get retrieved files", wire.RouteRetrievedFiles))
}

// MetadataTypes are the types of metadata an image has.
func (c *Client) MetadataTypes(ctx context.Context, digest string) ([]string, error) {
	return get[[]string](ctx, c, of(digest, "list metadata types", wire.RouteMetadataList))
}

// Metadata is one document about an image, as in "manifest".
func (c *Client) Metadata(ctx context.Context, digest, kind string) (wire.Metadata, error) {
	return get[wire.Metadata](ctx, c, of(digest, "get "+kind, wire.RouteMetadata, kind))
}

// SBOM copies an image's SBOM to w as it arrives.
func (c *Client) SBOM(ctx context.Context, digest, format string, w io.Writer) error {
	k := of(digest, "get "+format+" SBOM", wire.RouteSBOM, format)
	k.patience = working
	k.take = func(a *answer) error {
		_, err := io.Copy(&handing{w, a}, a.body)
		return err
	}
	return c.do(ctx, k)
}

// handing notes that something of an answer went to the caller.
type handing struct {
	io.Writer
	answer *answer
}

func (h *handing) Write(b []byte) (int, error) {
	h.answer.handed = true
	return h.Writer.Write(b)
}
