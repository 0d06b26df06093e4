package blobs

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"gocloud.dev/blob/fileblob"

	"github.com/tidepole/tidepole/formats/fault"
)

// openFolder keeps blobs in a folder, which is made where absent. It may be one
// that several machines share.
func openFolder(_ context.Context, u *url.URL) (backend, error) {
	path := u.Path
	if path == "" {
		path = u.Opaque
	}
	if path == "" || u.Host != "" || u.RawQuery != "" {
		return backend{}, fault.New(fault.Invalid, "open blobs: %.200q names no folder", u).WithHint("file:///PATH, or only the path")
	}
	dir, err := filepath.Abs(path)
	if err != nil {
		return backend{}, fmt.Errorf("open blobs: %w", err)
	}
	bucket, err := fileblob.OpenBucket(dir, &fileblob.Options{
		CreateDir: true, DirFileMode: 0o700, NoTempDir: true, Metadata: fileblob.MetadataDontWrite,
	})
	if err != nil {
		return backend{}, fault.New(fault.Unavailable, "open blobs in %s: %w", dir, err).WithHint("name a folder that this user can make and write to")
	}
	return backend{place: dir, folder: dir, bucket: bucket}, nil
}

// Apart refuses a folder of blobs that is or contains another folder, one that has
// things of its own: a data folder.
func (s *Store) Apart(dir string) error {
	if s.folder == "" {
		return nil
	}
	outer, err := filepath.EvalSymlinks(s.folder)
	if err != nil {
		return fmt.Errorf("find the folder of the blobs: %w", err)
	}
	if dir, err = filepath.Abs(dir); err == nil {
		dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return fmt.Errorf("find the data folder: %w", err)
	}
	if below, err := filepath.Rel(outer, dir); err != nil || below == ".." || strings.HasPrefix(below, ".."+string(filepath.Separator)) {
		return nil
	}
	return fault.New(fault.Invalid, "use %s for blobs: it is the data folder, or contains it (%s)", s.place, dir).
		WithHint("name a folder beside the data folder or below it, or none: blobs in the data folder is the usual one")
}
