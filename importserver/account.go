package importserver

import (
	"context"
	"errors"
	"io"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
)

// Account is a server as one account sees it: every operation of the API, in
// process, with the same faults that a client meets.
type Account struct {
	server *Server
	name   string
}

// Account is the server as the account of that name sees it.
func (s *Server) Account(name string) *Account { return &Account{server: s, name: name} }

var errTodo = errors.New("not built yet")

func (a *Account) AddImage(ctx context.Context, r wire.ImageRequest, o wire.AddOptions) (wire.Receipt, error) {
	return wire.Receipt{}, errTodo
}
func (a *Account) Import(ctx context.Context, b *bundle.Bundle, o wire.AddOptions) (wire.Receipt, error) {
	return wire.Receipt{}, errTodo
}
func (a *Account) Images(ctx context.Context, f wire.ImageFilter) ([]wire.Image, error) {
	return nil, errTodo
}
func (a *Account) Image(ctx context.Context, digest string) (wire.Image, error) {
	return wire.Image{}, errTodo
}
func (a *Account) DeleteImages(ctx context.Context, digests []string, force bool) ([]wire.Deletion, error) {
	return nil, errTodo
}
func (a *Account) ContentTypes(ctx context.Context, digest string) ([]string, error) {
	return nil, errTodo
}
func (a *Account) Packages(ctx context.Context, digest, contentType string) (wire.Content[wire.Package], error) {
	return wire.Content[wire.Package]{}, errTodo
}
func (a *Account) Files(ctx context.Context, digest string, visit func(wire.File) error) error {
	return errTodo
}
func (a *Account) Secrets(ctx context.Context, digest string) ([]wire.SearchResult, error) {
	return nil, errTodo
}
func (a *Account) ContentSearches(ctx context.Context, digest string) ([]wire.SearchResult, error) {
	return nil, errTodo
}
func (a *Account) RetrievedFiles(ctx context.Context, digest string) ([]wire.RetrievedFile, error) {
	return nil, errTodo
}
func (a *Account) MetadataTypes(ctx context.Context, digest string) ([]string, error) {
	return nil, errTodo
}
func (a *Account) Metadata(ctx context.Context, digest, kind string) (wire.Metadata, error) {
	return wire.Metadata{}, errTodo
}
func (a *Account) SBOM(ctx context.Context, digest, format string, w io.Writer) error { return errTodo }
func (a *Account) Vulnerabilities(ctx context.Context, digest string, f wire.VulnerabilityFilter) (wire.Vulnerabilities, error) {
	return wire.Vulnerabilities{}, errTodo
}
func (a *Account) Check(ctx context.Context, digest string, r wire.CheckRequest) (wire.Check, error) {
	return wire.Check{}, errTodo
}
func (a *Account) Policies(ctx context.Context, detail bool) ([]wire.PolicyRecord, error) {
	return nil, errTodo
}
func (a *Account) Policy(ctx context.Context, id string) (wire.PolicyRecord, error) {
	return wire.PolicyRecord{}, errTodo
}
func (a *Account) AddPolicy(ctx context.Context, p policy.Policy) (wire.PolicyRecord, error) {
	return wire.PolicyRecord{}, errTodo
}
func (a *Account) ActivatePolicy(ctx context.Context, id string) (wire.PolicyRecord, error) {
	return wire.PolicyRecord{}, errTodo
}
func (a *Account) DeletePolicy(ctx context.Context, id string) error { return errTodo }
func (a *Account) Status(ctx context.Context) (wire.Status, error)   { return wire.Status{}, errTodo }
func (a *Account) Database(ctx context.Context) (report.Database, error) {
	return report.Database{}, errTodo
}
func (a *Account) ImportDatabase(ctx context.Context, r io.Reader, name, checksum string) (report.Database, error) {
	return report.Database{}, errTodo
}
func (a *Account) UpdateDatabase(ctx context.Context) (report.Database, error) {
	return report.Database{}, errTodo
}
