// Package integration holds what is true of the parts together: which way they
// may import each other, that the server means the same near and far, and that
// the built program does on real images what its parts promise.
package integration

import (
	"context"
	"io"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
)

// Service is every operation of an import server on behalf of one account,
// near (importserver.Account) or far (client.Client).
type Service interface {
	AddImage(ctx context.Context, r wire.ImageRequest, o wire.AddOptions) (wire.Receipt, error)
	Import(ctx context.Context, b *bundle.Bundle, o wire.AddOptions) (wire.Receipt, error)
	Images(ctx context.Context, f wire.ImageFilter) ([]wire.Image, error)
	Image(ctx context.Context, digest string) (wire.Image, error)
	DeleteImages(ctx context.Context, digests []string, force bool) ([]wire.Deletion, error)

	ContentTypes(ctx context.Context, digest string) ([]string, error)
	Packages(ctx context.Context, digest, contentType string) (wire.Content[wire.Package], error)
	Files(ctx context.Context, digest string, visit func(wire.File) error) error
	Secrets(ctx context.Context, digest string) ([]wire.SearchResult, error)
	ContentSearches(ctx context.Context, digest string) ([]wire.SearchResult, error)
	RetrievedFiles(ctx context.Context, digest string) ([]wire.RetrievedFile, error)
	MetadataTypes(ctx context.Context, digest string) ([]string, error)
	Metadata(ctx context.Context, digest, kind string) (wire.Metadata, error)
	SBOM(ctx context.Context, digest, format string, w io.Writer) error

	Vulnerabilities(ctx context.Context, digest string, f wire.VulnerabilityFilter) (wire.Vulnerabilities, error)
	Check(ctx context.Context, digest string, r wire.CheckRequest) (wire.Check, error)

	Policies(ctx context.Context, detail bool) ([]wire.PolicyRecord, error)
	Policy(ctx context.Context, id string) (wire.PolicyRecord, error)
	AddPolicy(ctx context.Context, p policy.Policy) (wire.PolicyRecord, error)
	UpdatePolicy(ctx context.Context, id string, p policy.Policy) (wire.PolicyRecord, error)
	ActivatePolicy(ctx context.Context, id string) (wire.PolicyRecord, error)
	DeletePolicy(ctx context.Context, id string) error

	Status(ctx context.Context) (wire.Status, error)
	Database(ctx context.Context) (report.Database, error)
	ImportDatabase(ctx context.Context, r io.Reader, name, checksum string) (report.Database, error)
	UpdateDatabase(ctx context.Context) (report.Database, error)
}
