package importserver

import (
	"context"
	"encoding/json"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/importserver/store"
)

// keepLayers writes down which layers an image is made of, by which its ancestors
// are found.
func (s *Server) keepLayers(ctx context.Context, tx *store.Tx, i store.Image, b *bundle.Bundle) error {
	data, err := b.ReadAll(bundle.ImageConfig, bundle.MaxConfig)
	if err != nil {
		return err
	}
	var config struct {
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		} `json:"rootfs"`
	}
	if len(data) > 0 {
		if err := json.Unmarshal(data, &config); err != nil {
			return unreadable(err)
		}
	}
	return tx.SetLayers(ctx, i.ID, config.RootFS.DiffIDs)
}
