package vulns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/syft/syft/format/syftjson"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
)

// some are packages of a bundle: those that something may be found of, and those
// that decide what becomes of them.
type some struct {
	packages []pkg.Package
	where    pkg.Context
	keys     map[pkg.ID]packageKey // of those that may be told apart
}

// packages reads a bundle's syft document as grype does, which leaves out the
// packages whose files another package owns. It passes over packages of which
// nothing is found: to decode them all would take longer than anything else.
func (d *Database) packages(ctx context.Context, b *bundle.Bundle, silent *silence) (some, error) {
	part, ok := b.Part(bundle.Packages)
	if !ok {
		return some{}, fault.New(fault.Invalid, "match packages: the evidence has no %s part", bundle.Packages)
	}
	r, err := part.Open()
	if err != nil {
		return some{}, fmt.Errorf("match packages: open %s: %w", bundle.Packages, err)
	}
	defer r.Close()
	f, err := os.CreateTemp(d.opts.TempDir, "packages-")
	if err != nil {
		return some{}, fmt.Errorf("match packages: %w", err)
	}
	defer func() {
		f.Close()
		os.Remove(f.Name())
	}()
	var o outline
	if err := bundle.CopyPackages(f, interruptible{Reader: r, ctx: ctx}, o.selection()); err != nil {
		return some{}, unreadable(err)
	}
	o.settle()
	document, err := o.without(ctx, f, silent)
	if err != nil {
		return some{}, unreadable(err)
	}
	all, where, err := decode(ctx, interruptibleSeeker{document, ctx})
	if err != nil {
		return some{}, err
	}
	return some{packages: all, where: where, keys: o.keys()}, nil
}

// unreadable is fault.Invalid for a document that is not what it should be; what
// kept it from being read stays what it is.
func unreadable(err error) error {
	var path *fs.PathError
	if fault.Of(err) != fault.Internal || errors.As(err, &path) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("match packages: %w", err)
	}
	return fault.New(fault.Invalid, "match packages: %w", err).
		WithHint("it needs the document as syft writes it, with its schema: syft IMAGE -o json")
}

func decode(ctx context.Context, doc io.ReadSeeker) (packages []pkg.Package, where pkg.Context, err error) {
	defer func() {
		if p := recover(); p != nil { // the document is a stranger's
			err = fault.New(fault.Invalid, "match packages: the document cannot be understood: %v", p)
		}
	}()
	id, schema := syftjson.NewFormatDecoder().Identify(doc)
	if ctx.Err() != nil {
		return nil, where, context.Cause(ctx)
	}
	if id != syftjson.ID || schema == "" {
		return nil, where, fault.New(fault.Invalid, "match packages: the packages part is not syft's JSON").
			WithHint("it needs the document as syft writes it, with its schema: syft IMAGE -o json")
	}
	if _, err := doc.Seek(0, io.SeekStart); err != nil {
		return nil, where, fmt.Errorf("match packages: %w", err)
	}
	packages, where, _, err = pkg.ProvideFromReader(doc, providerConfig())
	switch {
	case ctx.Err() != nil:
		return nil, where, context.Cause(ctx)
	case err != nil:
		return nil, where, fault.New(fault.Invalid, "match packages: read syft document: %w", err)
	}
	return packages, where, nil
}

// interruptible stops reading when its context ends.
type interruptible struct {
	io.Reader
	ctx context.Context
}

func (i interruptible) Read(p []byte) (int, error) {
	if i.ctx.Err() != nil {
		return 0, context.Cause(i.ctx)
	}
	return i.Reader.Read(p)
}

// interruptibleSeeker does so, too.
type interruptibleSeeker struct {
	io.ReadSeeker
	ctx context.Context
}

func (i interruptibleSeeker) Read(p []byte) (int, error) {
	return interruptible{i.ReadSeeker, i.ctx}.Read(p)
}
