package vulns

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path"
	"strings"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/mikelolasagasti/xz"

	"github.com/tidepole/tidepole/formats/fault"
)

// window bounds a decompressor's memory. It is that of "zstd --ultra -22",
// which grype's archives are made with.
const window = 128 << 20

const archiveHint = "give an archive of a grype database of schema 6 (.tar.zst, .tar.gz, .tar.xz) or its " + v6.VulnerabilityDBFileName

// unpack writes the database that r holds to file, and gives its digest. All
// of r is read, so that a checksum covers all of it.
func unpack(ctx context.Context, r io.Reader, file, checksum string, l Limits) (string, error) {
	in := &source{ctx: ctx, r: r, limit: l.Archive}
	sum := sha256.New()
	x := extraction{in: in, file: file, limits: l}
	whole := io.TeeReader(in, sum)
	err := x.run(whole)
	if err == nil || checksum != "" {
		_, _ = io.Copy(io.Discard, whole) // what fails here is in.err
	}
	if in.err != nil {
		return "", in.err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); checksum != "" && got != checksum {
		return "", fault.New(fault.Invalid, "its checksum is sha256:%s, not sha256:%s", got, checksum).
			WithHint("fetch it again: it was damaged or exchanged on its way")
	}
	return x.digest, err
}

// extraction finds the database in what may be an archive.
type extraction struct {
	in     *source
	file   string
	limits Limits
	digest string
}

func (x *extraction) run(r io.Reader) error {
	br := bufio.NewReaderSize(r, 64<<10)
	inflated, err := inflate(br)
	if err != nil {
		return damaged(err)
	}
	if inflated == nil {
		return x.content(br)
	}
	defer inflated.Close()
	rest := bufio.NewReaderSize(x.bound(inflated), 64<<10)
	if err := x.content(rest); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, rest); err != nil { // a tar's end is not yet that of its compression, with its checksum
		return damaged(err)
	}
	return nil
}

// The first bytes of what is understood.
var (
	magicZstd   = []byte{0x28, 0xb5, 0x2f, 0xfd}
	magicGzip   = []byte{0x1f, 0x8b}
	magicXZ     = []byte{0xfd, '7', 'z', 'X', 'Z', 0}
	magicSQLite = []byte("SQLite format 3\x00")
	magicTar    = []byte("ustar") // at 257
)

// inflate gives nil where the content is not compressed.
func inflate(br *bufio.Reader) (io.ReadCloser, error) {
	head, err := br.Peek(6)
	switch {
	case bytes.HasPrefix(head, magicZstd):
		z, err := zstd.NewReader(br, zstd.WithDecoderMaxWindow(window), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return z.IOReadCloser(), nil
	case bytes.HasPrefix(head, magicGzip):
		return gzip.NewReader(br)
	case bytes.HasPrefix(head, magicXZ):
		z, err := xz.NewReader(br, window)
		if err != nil {
			return nil, err
		}
		return io.NopCloser(z), nil
	case len(head) == 0 && errors.Is(err, io.EOF):
		return nil, fault.New(fault.Invalid, "it is empty").WithHint(archiveHint)
	}
	return nil, nil
}

// content reads a database or an archive with one, uncompressed.
func (x *extraction) content(br *bufio.Reader) error {
	head, err := br.Peek(262)
	switch {
	case bytes.HasPrefix(head, magicSQLite):
		return x.write(br)
	case len(head) == 262 && bytes.Equal(head[257:], magicTar):
		return x.archive(tar.NewReader(br))
	case err != nil && !errors.Is(err, io.EOF):
		return damaged(err)
	}
	return fault.New(fault.Invalid, "it is neither an archive nor a database").WithHint(archiveHint)
}

// archive reads all entries.
func (x *extraction) archive(tr *tar.Reader) error {
	for n := 0; ; n++ {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return damaged(err)
		}
		if n == x.limits.Entries {
			return fault.New(fault.TooLarge, "the archive has more than %d entries", n).WithHint(archiveHint)
		}
		if err := x.entry(h, tr); err != nil {
			return err
		}
	}
	if x.digest == "" {
		return fault.New(fault.Invalid, "the archive holds no %s", v6.VulnerabilityDBFileName).WithHint(archiveHint)
	}
	return nil
}

func (x *extraction) entry(h *tar.Header, r io.Reader) error {
	name := path.Clean(h.Name)
	if path.IsAbs(name) || name == ".." || strings.HasPrefix(name, "../") || strings.ContainsAny(name, "\\\x00") {
		return fault.New(fault.Invalid, "the archive's entry %q leads out of it", h.Name).WithHint(archiveHint)
	}
	if path.Base(name) != v6.VulnerabilityDBFileName || h.Typeflag == tar.TypeDir {
		return nil // grype's import.json, a read-me
	}
	if h.Typeflag != tar.TypeReg {
		return fault.New(fault.Invalid, "the archive's entry %q is not a regular file", h.Name).WithHint(archiveHint)
	}
	if x.digest != "" {
		return fault.New(fault.Invalid, "the archive holds %s twice", v6.VulnerabilityDBFileName).WithHint(archiveHint)
	}
	return x.write(x.bound(r)) // again, for holes in a sparse entry cost no bytes of the archive
}

func (x *extraction) write(r io.Reader) error {
	f, err := os.OpenFile(x.file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	sum := sha256.New()
	in := &watched{r: r}
	_, err = io.Copy(io.MultiWriter(f, sum), in)
	err = errors.Join(err, f.Sync(), f.Close())
	if in.err != nil {
		return damaged(in.err)
	}
	if err != nil {
		return err
	}
	x.digest = "sha256:" + hex.EncodeToString(sum.Sum(nil))
	return nil
}

// damaged makes an error of reading an archive a fault, unless it is one.
func damaged(err error) error {
	var f *fault.Fault
	if errors.As(err, &f) {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fault.New(fault.Invalid, "it ends too early: %w", err).WithHint("fetch it again: a part of it is missing")
	}
	return fault.New(fault.Invalid, "it is damaged: %w", err).WithHint(archiveHint)
}
