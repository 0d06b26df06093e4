package image

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/tidepole/tidepole/formats/fault"
)

// maxWindow bounds the memory that a zstd stream may ask for: what "zstd --long"
// uses.
const maxWindow = 128 << 20

// form is how a stream is packed.
type form int

const (
	plain form = iota
	gzipped
	zstandard
)

// formOf tells how a stream is packed, by its first bytes: media types and file
// names are often wrong.
func formOf(r *bufio.Reader) (form, error) {
	head, err := r.Peek(6)
	if err != nil && err != io.EOF {
		return plain, err
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		return gzipped, nil
	case bytes.HasPrefix(head, []byte{0x28, 0xb5, 0x2f, 0xfd}), // a frame
		len(head) > 3 && head[0]&0xf0 == 0x50 && bytes.Equal(head[1:4], []byte{0x2a, 0x4d, 0x18}): // one to skip
		return zstandard, nil
	case bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")), bytes.HasPrefix(head, []byte("BZh")):
		return plain, fault.New(fault.Unsupported, "it is packed with xz or bzip2; only gzip and zstd are known")
	}
	return plain, nil
}

// unpacker unpacks gzip, or zstd of a window of so many bytes at most.
func unpacker(form form, buf *bufio.Reader, window uint64) (io.ReadCloser, error) {
	if form == gzipped {
		return gzip.NewReader(buf)
	}
	z, err := zstd.NewReader(buf, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window))
	if err != nil {
		return nil, err
	}
	return z.IOReadCloser(), nil
}

// budget is how much may be unpacked of one image, however often its layers are
// read.
type budget struct {
	mu    sync.Mutex
	limit int64
	spent int64
	most  []int64 // by layer
}

func newBudget(limit int64, layers int) *budget {
	return &budget{limit: limit, most: make([]int64, layers)}
}

// spend notes that so many bytes of a layer were unpacked.
func (b *budget) spend(layer int, bytes int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if more := bytes - b.most[layer]; more > 0 {
		b.most[layer], b.spent = bytes, b.spent+more
	}
	if b.spent > b.limit {
		return tooLarge(b.limit)
	}
	return nil
}

func tooLarge(limit int64) error {
	return fault.New(fault.TooLarge, "the image unpacks to more than %d bytes (limit image-bytes)", limit).
		WithHint("raise it with --max-image-bytes if the image can be trusted")
}

// sum hashes and counts.
type sum struct {
	sha hash.Hash
	n   int64
}

func newSum() *sum { return &sum{sha: sha256.New()} }

func (s *sum) add(p []byte) {
	s.sha.Write(p)
	s.n += int64(len(p))
}

func (s *sum) hash() v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(s.sha.Sum(nil))}
}
