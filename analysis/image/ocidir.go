package image

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/tidepole/tidepole/formats/fault"
)

// findOCIDir finds an image in a folder that is an OCI image layout. Links that
// lead out of the folder are not followed.
func findOCIDir(ctx context.Context, v *visit) (*place, error) {
	path, name := splitPath(v.Reference)
	root, err := os.OpenRoot(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "there is no folder %s", printable(path))
	}
	if err != nil {
		if info, statErr := os.Stat(path); statErr == nil && !info.IsDir() {
			return nil, fault.New(fault.Invalid, "%s is not a folder", printable(path)).
				WithHint("a file is of the source oci-archive or docker-archive: write oci-archive:PATH or docker-archive:PATH")
		}
		return nil, err
	}
	v.later(root.Close)
	return v.findInLayout(ctx, root.FS(), name)
}
