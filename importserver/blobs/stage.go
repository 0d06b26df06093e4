package blobs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"github.com/tidepole/tidepole/formats/fault"
)

// Staged is a blob on its way in: read, measured and compressed, but not yet
// under its name. Discard it in any case.
type Staged struct {
	Digest string // of the bytes as they were read
	Size   int64  // of the bytes as they were read
	path   string
}

// Discard removes the staged copy.
func (s *Staged) Discard() { os.Remove(s.path) }

// Stage reads a blob to its end. One longer than limit bytes is fault.TooLarge.
func (s *Store) Stage(ctx context.Context, r io.Reader, limit int64) (*Staged, error) {
	f, err := os.CreateTemp(s.temp, "blob-")
	if err != nil {
		return nil, storage(err, "stage a blob")
	}
	staged := &Staged{path: f.Name()}
	err = staged.fill(ctx, f, r, limit)
	if err := errors.Join(err, storage(f.Close(), "stage a blob")); err != nil {
		staged.Discard()
		return nil, err
	}
	return staged, nil
}

func (s *Staged) fill(ctx context.Context, f *os.File, r io.Reader, limit int64) error {
	packed, err := zstd.NewWriter(f, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
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
			return storage(err, "stage a blob")
		}
		if readErr == io.EOF {
			break
		}
		if readErr != nil {
			return readErr
		}
	}
	s.Digest = "sha256:" + hex.EncodeToString(sum.Sum(nil))
	return storage(packed.Close(), "stage a blob")
}
