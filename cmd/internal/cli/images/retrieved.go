package images

import (
	"archive/tar"
	"encoding/base64"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/table"
	"github.com/tidepole/tidepole/formats/wire"
)

// retrieved shows the files that were kept whole: their sizes, or an archive of
// them where a file was asked for.
func (r reading) retrieved(w io.Writer) error {
	files, err := r.c.RetrievedFiles(r.ctx, r.digest)
	if err != nil {
		return err
	}
	switch {
	case r.format == output.JSON || r.format == output.JSONRaw:
		if files == nil {
			files = []wire.RetrievedFile{}
		}
		return output.WriteJSON(w, r.format, files)
	case r.tar && r.format == output.Text:
		return archive(w, files)
	}
	t := table.New(table.Column{Name: "Path", Shrink: true}, table.Column{Name: "Size", Right: true})
	for _, f := range files {
		data, err := decode(f)
		if err != nil {
			return err
		}
		t.Row(f.Path, fmt.Sprint(len(data)))
	}
	return r.table(w, t, "no files were kept")
}

// archive writes the files as a tar, readable by their owner only.
func archive(w io.Writer, files []wire.RetrievedFile) error {
	out := tar.NewWriter(w)
	for _, f := range files {
		data, err := decode(f)
		if err != nil {
			return err
		}
		h := &tar.Header{Typeflag: tar.TypeReg, Name: strings.TrimPrefix(path.Clean("/"+f.Path), "/"), Mode: 0o600, Size: int64(len(data))}
		if err := out.WriteHeader(h); err != nil {
			return fmt.Errorf("write %s: %w", f.Path, err)
		}
		if _, err := out.Write(data); err != nil {
			return fmt.Errorf("write %s: %w", f.Path, err)
		}
	}
	return out.Close()
}

func decode(f wire.RetrievedFile) ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(f.Content)
	if err != nil {
		return nil, fault.New(fault.Internal, "read %s: the server's answer is not base64: %w", f.Path, err)
	}
	return data, nil
}
