package files

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tidepole/tidepole/formats/fault"
)

// Layer is one layer of a Pass: it streams like the original, and knows its
// files once it has been read to the end.
type Layer struct {
	v1.Layer
	pass     *Pass
	index    int
	diffID   string
	repeated bool // an earlier layer of the image has the same content

	mu      sync.Mutex
	started bool
	err     error
	files   map[string]File

	running sync.WaitGroup // observers
	crash   error          // the first observer that panicked
}

// File is the content behind a path of a layer.
type File struct {
	Digest  [sha256.Size]byte
	Ordinal int  // of the tar entry that holds the bytes: hard links share it
	Sparse  bool // the tar leaves out its holes
}

// SHA256 is the digest in hex.
func (f File) SHA256() string { return hex.EncodeToString(f.Digest[:]) }

// ID is the layer's diff ID.
func (l *Layer) ID() string { return l.diffID }

// File is the regular file at that absolute, clean path as the layer leaves it.
// It is unknown for a hard link whose target can only be told by walking the
// layer's symbolic links.
func (l *Layer) File(p string) (File, bool) {
	f, ok := l.files[p]
	return f, ok
}

// Uncompressed is the layer's tar. The first to read it to the end makes the
// layer's files known; an error of that reading ends the stream.
func (l *Layer) Uncompressed() (io.ReadCloser, error) {
	l.mu.Lock()
	again := l.started
	l.started = true
	l.mu.Unlock()
	src, err := l.Layer.Uncompressed()
	if err != nil {
		return nil, l.fail(err)
	}
	if again {
		return src, nil
	}
	return newStream(l, src), nil
}

// fail records the first error of the layer and names the layer in it.
func (l *Layer) fail(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		named := fault.New(fault.Of(err), "read layer %d of %d (%s): %w", l.index+1, len(l.pass.layers), l.diffID, err)
		named.Hint = fault.Hint(err)
		l.err = named
	}
	return l.err
}

func (l *Layer) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// read learns what a tar holds, and leaves nothing of r unread unless it fails.
func (l *Layer) read(ctx context.Context, r io.Reader) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	l.files = map[string]File{}
	defer l.running.Wait()
	tr := tar.NewReader(r)
	for ordinal := 0; ; ordinal++ {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return notTar(err)
		}
		if err := l.entry(ctx, tr, h, ordinal); err != nil {
			return err
		}
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	l.running.Wait()
	return l.crash
}

func (l *Layer) entry(ctx context.Context, tr *tar.Reader, h *tar.Header, ordinal int) error {
	if err := l.pass.budget.spend(h.Name); err != nil {
		return err
	}
	name := path.Clean("/" + h.Name)
	delete(l.files, name)
	switch h.Typeflag {
	case tar.TypeReg, tar.TypeGNUSparse:
		sparse := isSparse(h)
		if sparse {
			if err := l.pass.budget.spendSparse(h.Size); err != nil {
				return fmt.Errorf("%q: %w", name, err)
			}
		}
		sum, err := l.content(ctx, Entry{Layer: l.diffID, Ordinal: ordinal, Path: name, Size: h.Size}, ending{ctx, tr})
		if err != nil {
			return fmt.Errorf("%q: %w", name, notTar(err))
		}
		l.files[name] = File{Digest: sum, Ordinal: ordinal, Sparse: sparse}
	case tar.TypeLink:
		if f, ok := l.files[path.Clean("/"+h.Linkname)]; ok {
			l.files[name] = f
		}
	}
	return nil
}

// ending fails once its context has ended: a file's holes come from nowhere that
// would.
type ending struct {
	ctx context.Context
	r   io.Reader
}

func (e ending) Read(p []byte) (int, error) {
	if e.ctx.Err() != nil {
		return 0, context.Cause(e.ctx)
	}
	return e.r.Read(p)
}

// notTar says of a tar reader's complaint what it means.
func notTar(err error) error {
	if errors.Is(err, tar.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fault.New(fault.Unsupported, "its tar is damaged: %w", err)
	}
	return err
}
