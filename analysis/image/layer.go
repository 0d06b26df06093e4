package image

import (
	"context"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/tidepole/tidepole/formats/fault"
)

// layer is one layer, read from where it lies each time it is asked for.
type layer struct {
	ctx    context.Context // of the image
	desc   v1.Descriptor
	diffID v1.Hash
	index  int
	open   opener
	loose  bool // its stored bytes may be packed, so only the diff ID can be verified
	budget *budget
	report func(Progress)
	stage  string
}

func (l *layer) Digest() (v1.Hash, error)            { return l.desc.Digest, nil }
func (l *layer) DiffID() (v1.Hash, error)            { return l.diffID, nil }
func (l *layer) Size() (int64, error)                { return l.desc.Size, nil }
func (l *layer) MediaType() (types.MediaType, error) { return l.desc.MediaType, nil }
func (l *layer) Descriptor() (*v1.Descriptor, error) { return l.desc.DeepCopy(), nil }

// Compressed is the layer as the manifest describes it, verified at its end.
func (l *layer) Compressed() (io.ReadCloser, error) {
	if l.loose {
		return l.Uncompressed() // the manifest describes it unpacked
	}
	return l.stored()
}

// Uncompressed is the layer unpacked, verified at its end: the stored bytes
// against the manifest, the unpacked ones against the configuration.
func (l *layer) Uncompressed() (io.ReadCloser, error) {
	stored, err := l.stored()
	if err != nil {
		return nil, err
	}
	tar, err := inflate(stored)
	if err != nil {
		err = l.blame(stored, err)
		stored.Close()
		return nil, err
	}
	return &unpacked{layer: l, stored: stored, tar: tar, sum: newSum()}, nil
}

// stored is the layer as it lies there.
func (l *layer) stored() (*stored, error) {
	r, err := l.open(l.ctx, l.desc)
	if err != nil {
		return nil, within("read layer "+l.desc.Digest.String(), err)
	}
	return &stored{layer: l, from: r, sum: newSum()}, nil
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
	if err := context.Cause(s.layer.ctx); err != nil {
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
		total := s.layer.desc.Size
		if s.layer.loose {
			total = 0 // listed is the size unpacked
		}
		s.layer.report(Progress{Stage: s.layer.stage, Item: s.layer.desc.Digest.String(), Done: s.sum.n, Total: total, Finished: done})
	}
}

func (s *stored) Close() error { return s.from.Close() }

// unpacked reads a layer's tar stream, and verifies it at the end.
type unpacked struct {
	layer  *layer
	stored *stored
	tar    io.ReadCloser
	sum    *sum
	failed error
}

func (u *unpacked) Read(p []byte) (int, error) {
	if u.failed != nil {
		return 0, u.failed
	}
	n, err := u.tar.Read(p)
	u.sum.add(p[:n])
	if over := u.layer.budget.spend(u.layer.index, u.sum.n); over != nil {
		n, err = 0, over
	}
	switch {
	case err == io.EOF:
		u.failed = u.verify()
	case err != nil:
		u.failed = u.layer.blame(u.stored, err)
	}
	return n, u.failed
}

// verify is io.EOF where all is as it should be.
func (u *unpacked) verify() error {
	// What follows the packed stream belongs to the stored bytes as well.
	if _, err := io.Copy(io.Discard, u.stored); err != nil {
		return err
	}
	if got := u.sum.hash(); got != u.layer.diffID {
		return mismatch(fmt.Sprintf("layer %s, unpacked,", u.layer.desc.Digest), u.layer.diffID, got)
	}
	return io.EOF
}

func (u *unpacked) Close() error {
	u.tar.Close()
	return u.stored.Close()
}
