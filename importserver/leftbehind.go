package importserver

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver/store"
)

// findLeft refuses a store without images while the data directory has rows with some
// that went nowhere: whoever names a new store mostly wants his images there.
func (s *Server) findLeft(ctx context.Context) error {
	name := filepath.Join(s.options.Dir, RowsFile)
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) || !s.shared || s.options.WorkOnly || s.options.NewStore {
		return nil
	}
	if n, err := imagesIn(ctx, s.store); err != nil || n > 0 {
		return err
	}
	old, err := store.Open(ctx, "sqlite:"+name)
	if err != nil {
		return fault.New(fault.Conflict, "look whether the rows in %s were moved: %w", name, err).
			WithHint("move the file elsewhere where it is not needed, or give --new-store")
	}
	defer old.Close()
	n, err := imagesIn(ctx, old)
	if err != nil || n == 0 || old.View().Stayed(ctx) != nil {
		return err
	}
	return fault.New(fault.Conflict, "use the store: it has no images, and %s has %d that were never moved to it", name, n).
		WithHint("move them first: tidepole system migrate --data %s --to-store URL --to-blobs URL; to begin without them, give --new-store", s.options.Dir)
}

func imagesIn(ctx context.Context, rows *store.Store) (n int, err error) {
	counts, err := rows.View().CountImages(ctx)
	for _, c := range counts {
		n += c
	}
	return n, err
}
