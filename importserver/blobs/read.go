package blobs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"
	"gocloud.dev/gcerrors"

	"github.com/tidepole/tidepole/formats/fault"
)

// Open reads a blob, unpacked. Bytes that do not have the digest make the last
// read fail, so that damage is never taken for evidence. Errors are
// fault.NotFound where there is no such blob, else fault.Unavailable.
func (s *Store) Open(ctx context.Context, digest string) (io.ReadCloser, error) {
	k, err := key(digest)
	if err != nil {
		return nil, err
	}
	packed, err := s.bucket.NewReader(ctx, k, nil)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil, fault.New(fault.NotFound, "open %s: no such blob", digest)
	}
	if err != nil {
		return nil, storage(err, "open %s", digest)
	}
	plain, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		packed.Close()
		return nil, storage(err, "open %s", digest)
	}
	return &reader{digest: digest, packed: packed, plain: plain, sum: sha256.New()}, nil
}

// reader hashes what it unpacks.
type reader struct {
	digest string
	packed io.Closer
	plain  *zstd.Decoder
	sum    hash.Hash
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.plain.Read(p)
	r.sum.Write(p[:n])
	switch {
	case err == io.EOF && "sha256:"+hex.EncodeToString(r.sum.Sum(nil)) != r.digest:
		return n, fault.New(fault.Unavailable, "read %s: its bytes are damaged", r.digest).
			WithHint("tidepole image add IMAGE --force analyses it again and replaces them")
	case err == io.EOF:
		return n, io.EOF
	}
	return n, storage(err, "read %s", r.digest)
}

func (r *reader) Close() error {
	r.plain.Close()
	return r.packed.Close()
}
