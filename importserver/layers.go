package importserver

import (
	"context"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/importserver/store"
)

// keepLayers writes down which layers an image is made of, by which its ancestors
// are found.
func (s *Server) keepLayers(ctx context.Context, tx *store.Tx, i store.Image, b *bundle.Bundle) error {
	return nil
}
