package vulns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/syft/syft/format/syftjson"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
)

// packages reads a bundle's syft document as grype does, which leaves out the
// packages whose files another package owns.
func (d *Database) packages(ctx context.Context, b *bundle.Bundle) ([]pkg.Package, pkg.Context, error) {
	part, ok := b.Part(bundle.Packages)
	if !ok {
		return nil, pkg.Context{}, fault.New(fault.Invalid, "match packages: the evidence has no %s part", bundle.Packages)
	}
	r, err := part.Open()
	if err != nil {
		return nil, pkg.Context{}, fmt.Errorf("match packages: open %s: %w", bundle.Packages, err)
	}
	defer r.Close()
	doc, done, err := seekable(ctx, r, d.opts.TempDir)
	if err != nil {
		return nil, pkg.Context{}, fmt.Errorf("match packages: read %s: %w", bundle.Packages, err)
	}
	defer done()
	return decode(ctx, doc)
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

// seekable gives r itself where it can seek, else a copy in a file that done
// removes.
func seekable(ctx context.Context, r io.Reader, dir string) (doc io.ReadSeeker, done func(), err error) {
	if s, ok := r.(io.ReadSeeker); ok {
		return interruptible{ReadSeeker: s, ctx: ctx}, func() {}, nil
	}
	f, err := os.CreateTemp(dir, "packages-")
	if err != nil {
		return nil, nil, err
	}
	done = func() {
		f.Close()
		os.Remove(f.Name())
	}
	_, err = io.Copy(f, r)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err = errors.Join(err, ctx.Err()); err != nil {
		done()
		return nil, nil, err
	}
	return interruptible{ReadSeeker: f, ctx: ctx}, done, nil
}

// interruptible stops reading when its context ends.
type interruptible struct {
	io.ReadSeeker
	ctx context.Context
}

func (i interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.ReadSeeker.Read(p)
}
