package sbom

import (
	"context"

	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/source"
)

// Resolvers are the resolver that catalogers are given, and syft's own.
func Resolvers(ctx context.Context, i *Image) (ours, theirs file.Resolver, err error) {
	if theirs, err = i.source.FileResolver(source.SquashedScope); err != nil {
		return nil, nil, err
	}
	ours, err = indexedSource{i.source, ctx}.FileResolver(source.SquashedScope)
	return ours, theirs, err
}
