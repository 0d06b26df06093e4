package vulndbtest

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Pack writes the database in file as an archive of the kind that name ends
// with: .tar.zst, .tar.gz or .tar.xz.
func Pack(w io.Writer, name, file string) error {
	z, err := compressor(w, name)
	if err != nil {
		return err
	}
	err = writeTar(z, file)
	return errors.Join(err, z.Close())
}

func compressor(w io.Writer, name string) (io.WriteCloser, error) {
	switch {
	case strings.HasSuffix(name, ".tar.zst"):
		return zstd.NewWriter(w)
	case strings.HasSuffix(name, ".tar.gz"):
		return gzip.NewWriter(w), nil
	case strings.HasSuffix(name, ".tar.xz"):
		return xz.NewWriter(w)
	}
	return nil, fmt.Errorf("pack %s: the name ends with none of .tar.zst, .tar.gz, .tar.xz", name)
}

func writeTar(w io.Writer, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	tw := tar.NewWriter(w)
	h := &tar.Header{Name: Name, Mode: 0o644, Size: info.Size(), ModTime: info.ModTime()}
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.Copy(tw, f)
	return errors.Join(err, tw.Close())
}

// WriteArchive builds a database and packs it into the file of that name.
func WriteArchive(name string, built time.Time) error {
	dir, err := os.MkdirTemp("", "vulndb-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file, err := Build(dir, built)
	if err != nil {
		return err
	}
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(Pack(out, name, file), out.Close())
}
