package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// opener gives the stored bytes of a blob, from its start. They are not verified.
type opener func(context.Context, v1.Descriptor) (io.ReadCloser, error)

// place is where a source found an image.
type place struct {
	manifest    document
	parent      *document // the index the manifest was chosen from, or nil
	open        opener
	tags        []string
	repoDigests []string
	loose       bool // layers may be stored compressed though the manifest lists them unpacked

	// late has the layers read where the manifest can be told only then, and
	// completes the place; nil elsewhere. What of it is known before is in known.
	late     func(context.Context, *pass) (*place, *picture, error)
	again    bool // its layers can be read once more, each by itself, by open
	known    Identity
	expected []string // diff IDs, as far as they are known
}

// visit is one attempt to open an image at one source, and what it has to clean
// up.
type visit struct {
	Request
	source string
	want   platform
	auto   bool // the source was not named: look, change nothing

	mu      sync.Mutex
	closers []func() error
	dir     string
	closed  bool
}

func newVisit(req Request, source string) (*visit, error) {
	want, err := parsePlatform(req.Platform)
	if err != nil {
		return nil, err
	}
	auto := req.Source == ""
	req.Options.Limits = req.Options.Limits.defaults()
	return &visit{Request: req, source: source, want: want, auto: auto}, nil
}

// open finds the image and reads its manifest and configuration.
func (v *visit) open(ctx context.Context, s source) (*Image, error) {
	v.report(Progress{Stage: "resolve"})
	p, err := s.find(ctx, v)
	if err != nil {
		return nil, err
	}
	if p.late != nil {
		v.report(Progress{Stage: "resolve", Finished: true})
		return v.unread(p), nil
	}
	pic, err := newPicture(ctx, v, p)
	if err != nil {
		return nil, err
	}
	if err := v.suits(p, pic); err != nil {
		return nil, err
	}
	v.report(Progress{Stage: "resolve", Finished: true})
	return &Image{
		Identity: pic.identity(p), Source: v.source, visit: v, diffIDs: pic.diffIDs(), whole: true,
		read: pic.read,
	}, nil
}

// read has the layers read that are not had.
func (p *picture) read(ctx context.Context, pass *pass) error {
	return pass.each(ctx, pass.unread(p.layers), pass.Layer)
}

// unread is an image of which reading will tell the rest.
func (v *visit) unread(p *place) *Image {
	img := &Image{Identity: p.known, Source: v.source, visit: v, diffIDs: p.expected, exported: !p.again}
	img.read = func(ctx context.Context, pass *pass) error {
		p, pic, err := p.late(ctx, pass)
		if err != nil {
			return err
		}
		if err := v.suits(p, pic); err != nil {
			return err
		}
		if !img.whole { // else there may be others who read it again
			img.Identity, img.diffIDs, img.whole = pic.identity(p), pic.diffIDs(), true
			if !img.exported {
				img.read = pic.read
			}
		}
		return nil
	}
	return img
}

// suits tells whether an image that nothing was chosen from is for the platform
// asked for.
func (v *visit) suits(p *place, pic *picture) error {
	if v.want.asked && p.parent == nil && !v.want.matches(pic.platform()) {
		return v.want.wrong([]v1.Platform{pic.platform()})
	}
	return nil
}

// shown is the reference as it may stand in an error.
func (v *visit) shown() string { return printable(v.Reference) }

func (v *visit) report(p Progress) {
	if v.Options.Progress != nil {
		v.Options.Progress(p)
	}
}

// stage is what reading a layer is called: those of a registry are pulled.
func (v *visit) stage() string {
	if v.source == "registry" {
		return "pull"
	}
	return "read"
}

// later has something done when the image is closed.
func (v *visit) later(do func() error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closers = append(v.closers, do)
}

// temp is the private folder for what is spilled.
func (v *visit) temp() (string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return "", fmt.Errorf("open %s: %w", v.shown(), os.ErrClosed)
	}
	if v.dir != "" {
		return v.dir, nil
	}
	dir, err := os.MkdirTemp(v.Options.TempDir, "image-")
	if err != nil {
		return "", fmt.Errorf("open %s: make a folder for what is spilled: %w", v.shown(), err)
	}
	v.dir = dir
	return dir, nil
}

// close does what was to be done later, the last first, and removes what was
// spilled. Calling it again does nothing.
func (v *visit) close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return nil
	}
	v.closed = true
	var errs []error
	for _, do := range slices.Backward(v.closers) {
		errs = append(errs, do())
	}
	if v.dir != "" {
		errs = append(errs, os.RemoveAll(v.dir))
	}
	return errors.Join(errs...)
}
