package blobs

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"github.com/tidepole/tidepole/formats/fault"
)

// Staged is a blob on its way in: read, measured and compressed, but not yet
// under its key. Discard it in any case.
type Staged struct {
	Digest string // of the bytes as they were read
	Size   int64  // of the bytes as they were read

	path string
}

// Open reads the blob as it was compressed, and tells its size as such.
func (s *Staged) Open() (io.ReadCloser, int64, error) {
	f, err := os.Open(s.path)
	if err != nil {
		return nil, 0, fmt.Errorf("read %s: %w", s.Digest, err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// Discard removes the staged copy.
func (s *Staged) Discard() { os.Remove(s.path) }

// Stage reads a blob to its end. One longer than limit bytes is fault.TooLarge.
func (s *Store) Stage(ctx context.Context, r io.Reader, limit int64) (*Staged, error) {
	return s.stage(ctx, func(staged *Staged, to *sink) error { return staged.fill(ctx, s, to, r, limit) })
}

// StagePacked reads to its end what another store's OpenPacked gave. What cannot
// be unpacked to the bytes of the digest is fault.Invalid; that r cannot be read is
// its own error.
func (s *Store) StagePacked(ctx context.Context, r io.Reader, digest string) (*Staged, error) {
	return s.stage(ctx, func(staged *Staged, to *sink) error {
		from := &source{ctx: ctx, r: r}
		along := io.TeeReader(from, to)
		plain, err := unpack(along)
		if err != nil {
			return s.failed(ctx, err, "stage %s", digest)
		}
		defer plain.Close()
		sum := sha256.New()
		if staged.Size, err = io.Copy(sum, plain); err == nil {
			_, err = io.Copy(io.Discard, along)
		}
		staged.Digest = digestOf(sum)
		switch {
		case to.err != nil:
			return s.failed(ctx, to.err, "stage %s", digest)
		case from.err != nil:
			return from.err
		case err != nil || staged.Digest != digest:
			return fault.New(fault.Invalid, "stage %s: its bytes are damaged", digest)
		}
		return nil
	})
}

func (s *Store) stage(ctx context.Context, fill func(*Staged, *sink) error) (*Staged, error) {
	f, err := os.CreateTemp(s.temp, "blob-")
	if err != nil {
		return nil, s.failed(ctx, err, "stage a blob")
	}
	staged, to := &Staged{path: f.Name()}, &sink{w: f}
	err = fill(staged, to)
	if err := errors.Join(err, s.failed(ctx, f.Close(), "stage a blob")); err != nil {
		staged.Discard()
		return nil, err
	}
	return staged, nil
}

func (s *Staged) fill(ctx context.Context, at *Store, to io.Writer, r io.Reader, limit int64) error {
	packed, err := zstd.NewWriter(to, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return err
	}
	defer packed.Close()
	sum := sha256.New()
	buf := make([]byte, 128<<10)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, readErr := r.Read(buf)
		s.Size += int64(n)
		if s.Size > limit {
			return fault.New(fault.TooLarge, "too large: more than %d bytes", limit)
		}
		sum.Write(buf[:n])
		if _, err := packed.Write(buf[:n]); err != nil {
			return at.failed(ctx, err, "stage a blob")
		}
		if readErr == io.EOF {
			break
		}
		if readErr != nil {
			return readErr
		}
	}
	s.Digest = digestOf(sum)
	return at.failed(ctx, packed.Close(), "stage a blob")
}

// sink is where bytes go; it remembers why they could not.
type sink struct {
	w   io.Writer
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.err = err
	return n, err
}
