package image

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tidepole/tidepole/formats/fault"
)

// archive opens the tar file at path to be read in place. A packed one is first
// unpacked into the visit's private folder.
func (v *visit) archive(ctx context.Context, path string) (*tarball, error) {
	file, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	v.later(file.Close)
	if info, err := file.Stat(); err == nil && info.Size() == 0 {
		return nil, fault.New(fault.Unsupported, "the file is empty")
	}
	form, err := formOf(bufio.NewReader(io.NewSectionReader(file, 0, 16)))
	if err != nil {
		return nil, err
	}
	if form == plain {
		return newTarball(file, v.Options.Limits)
	}
	tar, err := unpacker(form, bufio.NewReaderSize(file, 64<<10), maxWindow)
	if err != nil {
		return nil, fault.New(fault.Unsupported, "the archive cannot be unpacked: %w", err)
	}
	defer tar.Close()
	if file, err = v.spill(ctx, tar, "read"); err != nil {
		return nil, err
	}
	return newTarball(file, v.Options.Limits)
}

// openRegular opens a file, and not a pipe or device that would never end.
func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, "there is no file %s", printable(path))
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fault.New(fault.Invalid, "%s is not a regular file", printable(path)).
			WithHint("a folder that is an OCI image layout is of the source oci-dir: write oci-dir:PATH")
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrPermission) {
		return nil, fault.New(fault.Forbidden, "this user may not read the file")
	}
	return file, err
}

// archiveOverhead is what an archive may hold beside the layers, in bytes.
const archiveOverhead = 64 << 20

// spill writes a stream into a file of the visit's private folder and opens it.
func (v *visit) spill(ctx context.Context, from io.Reader, stage string) (*os.File, error) {
	dir, err := v.temp()
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(dir, "archive.tar"), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	v.later(file.Close)
	limit := v.Options.Limits.MaxImageBytes
	in := &counted{ctx: ctx, from: io.LimitReader(from, limit+archiveOverhead+1), report: func(n int64, done bool) {
		v.report(Progress{Stage: stage, Done: n, Finished: done})
	}}
	n, err := io.Copy(file, in)
	switch {
	case context.Cause(ctx) != nil:
		return nil, context.Cause(ctx)
	case in.failed != nil:
		return nil, in.failed
	case err != nil:
		return nil, fault.New(fault.Unavailable, "keep the archive in %s: %w", filepath.Dir(dir), err).
			WithHint("make room there, or name another folder for temporary files")
	case n > limit+archiveOverhead:
		return nil, tooLarge(limit)
	}
	in.report(n, true)
	return file, nil
}

// counted reads until its context ends, and tells how far it came.
type counted struct {
	ctx         context.Context
	from        io.Reader
	n, reported int64
	report      func(n int64, done bool)
	failed      error // what the source, not the sink, failed with
}

func (c *counted) Read(p []byte) (int, error) {
	if err := context.Cause(c.ctx); err != nil {
		return 0, err
	}
	n, err := c.from.Read(p)
	c.n += int64(n)
	if c.n-c.reported >= reportEvery {
		c.reported = c.n
		c.report(c.n, false)
	}
	if err != nil && err != io.EOF {
		c.failed = fmt.Errorf("read the archive: %w", err)
		if fault.Of(err) == fault.Internal {
			c.failed = fault.New(fault.Unsupported, "the archive is damaged or cut off: %w", err)
		}
	}
	return n, err
}
