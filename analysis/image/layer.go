package image

import (
	"context"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tidepole/tidepole/formats/fault"
)

// layer is one layer, read from where it lies each time it is asked for.
type layer struct {
	desc   v1.Descriptor
	diffID v1.Hash
	index  int
	open   opener
	loose  bool // its stored bytes may be packed, so only the diff ID can be verified
	budget *budget
	report func(Progress)
	stage  string
}

// stored is the layer as it lies there.
func (l *layer) stored(ctx context.Context) (*stored, error) {
	l.tell(0, false) // the first byte may take its time
	r, err := l.open(ctx, l.desc)
	if err != nil {
		return nil, within("read layer "+l.desc.Digest.String(), err)
	}
	return &stored{ctx: ctx, layer: l, from: r, sum: newSum()}, nil
}

// blame finds out why the layer cannot be unpacked: that its bytes are not those
// that the manifest promises says more than what the unpacking stumbled over.
func (l *layer) blame(from *stored, err error) error {
	if from.failed != nil {
		return from.failed
	}
	if fault.Of(err) == fault.TooLarge {
		return err
	}
	if _, drained := io.Copy(io.Discard, from); drained != nil {
		return drained
	}
	return fault.New(fault.Unsupported, "unpack layer %s: %w", l.desc.Digest, err)
}

// stored reads a layer's bytes as they lie there, and verifies them at the end.
type stored struct {
	ctx      context.Context
	layer    *layer
	from     io.ReadCloser
	sum      *sum
	reported int64
	failed   error
	ended    bool
}

// reportEvery is how often progress is told, in bytes.
const reportEvery = 1 << 20

func (s *stored) Read(p []byte) (int, error) {
	if s.failed != nil {
		return 0, s.failed
	}
	if s.ended {
		return 0, io.EOF
	}
	if err := context.Cause(s.ctx); err != nil {
		s.failed = fmt.Errorf("read layer %s: %w", s.layer.desc.Digest, err)
		return 0, s.failed
	}
	n, err := s.from.Read(p)
	s.sum.add(p[:n])
	switch {
	case !s.layer.loose && s.sum.n > s.layer.desc.Size:
		s.failed = fault.New(fault.Unsupported, "layer %s is longer than the %d bytes that the manifest lists: %w",
			s.layer.desc.Digest, s.layer.desc.Size, errMismatch)
	case err == io.EOF:
		s.failed, s.ended = s.verify(), true
	case err != nil:
		s.failed = within("read layer "+s.layer.desc.Digest.String(), err)
	}
	s.tell()
	if s.failed != nil {
		return n, s.failed
	}
	return n, err
}

func (s *stored) verify() error {
	if s.layer.loose {
		return nil
	}
	if got := s.sum.hash(); got != s.layer.desc.Digest {
		return mismatch(fmt.Sprintf("layer %s", s.layer.desc.Digest), s.layer.desc.Digest, got)
	}
	return nil
}

func (s *stored) hash() v1.Hash { return s.sum.hash() }

func (s *stored) tell() {
	if done := s.ended && s.failed == nil; done || s.sum.n-s.reported >= reportEvery {
		s.reported = s.sum.n
		s.layer.tell(s.sum.n, done)
	}
}

// tell reports how much of the layer was read.
func (l *layer) tell(n int64, finished bool) {
	total := l.desc.Size
	if l.loose {
		total = 0 // listed is the size unpacked
	}
	l.report(Progress{Stage: l.stage, Item: l.desc.Digest.String(), Done: n, Total: total, Finished: finished})
}

func (s *stored) Close() error { return s.from.Close() }
