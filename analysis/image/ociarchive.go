package image

import "context"

// findOCIArchive finds an image in a tar file of an OCI image layout.
func findOCIArchive(ctx context.Context, v *visit) (*place, error) {
	path, name := splitPath(v.Reference)
	archive, err := v.archive(ctx, path)
	if err != nil {
		return nil, err
	}
	return v.findInLayout(ctx, archive, name)
}
