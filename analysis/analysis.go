// Package analysis takes an image's evidence and draws conclusions from it.
//
//	reference -> Analyze -> bundle -> Import -> Assess -> report
//
// The command line and the server's worker both come through here; they differ
// in the Importer alone.
package analysis

import (
	"context"
	"errors"
	"time"

	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/policy"
	"github.com/tidepole/tidepole/analysis/vulns"
	"github.com/tidepole/tidepole/formats/bundle"
	rules "github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
)

// Importer takes a bundle in. The HTTP client is one; so is the server itself.
type Importer interface {
	Import(ctx context.Context, b *bundle.Bundle, o wire.AddOptions) (wire.Receipt, error)
}

// Add analyses an image and imports what was seen.
func Add(ctx context.Context, req Request, o Options, to Importer, add wire.AddOptions) (wire.Receipt, error) {
	b, err := Analyze(ctx, req, o)
	if err != nil {
		return wire.Receipt{}, err
	}
	receipt, err := to.Import(ctx, b, add)
	return receipt, errors.Join(err, b.Close())
}

// Analyze opens an image and reads each of its layers once, or takes what is
// known of them from the cache: digests are taken, contents searched and what
// cataloguing needs kept while a layer arrives. Then packages are catalogued, and
// everything is written into a bundle, which the caller closes.
func Analyze(ctx context.Context, req Request, o Options) (b *bundle.Bundle, err error) {
	if req, o, err = prepare(req, o); err != nil {
		return nil, err
	}
	img, err := image.Open(ctx, req.Image)
	if err != nil {
		return nil, err
	}
	b, err = analyze(ctx, req, o, img)
	if errors.Is(err, errDamaged) { // and removed: the next attempt reads the image instead
		if b, err = analyze(ctx, req, o, img); errors.Is(err, errDamaged) {
			err = unreadable(err, o)
		}
	}
	if err = errors.Join(err, img.Close()); err != nil {
		return nil, errors.Join(withHint(err, o.TempDir), b.Close())
	}
	return b, nil
}

func analyze(ctx context.Context, req Request, o Options, img *image.Image) (b *bundle.Bundle, err error) {
	r := newReading(req, o, img)
	defer func() { err = errors.Join(err, r.close()) }()
	if b := r.recall(ctx); b != nil {
		return b, nil
	}
	all, err := r.read(ctx)
	if err != nil {
		return nil, err
	}
	if b := r.recall(ctx); b != nil { // an export tells only now which image it is of
		return b, nil
	}
	names, err := recordNames(req, img.Identity, img.Source)
	if err != nil {
		return nil, err
	}
	e := evidence{req: req, o: o, img: img, names: names, layers: all, open: r.content(all), found: r.found}
	b, err = e.bundle(ctx, r.memory())
	if err = r.explained(ctx, err); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	r.remember(ctx, b, e.secret)
	return b, nil
}

// Assess matches the bundle's packages against a database and judges it by a
// policy under one of its tags. Without a database (nil, or one that is not
// there) the report says so, and has no vulnerabilities.
func Assess(ctx context.Context, b *bundle.Bundle, db *vulns.Database, p rules.Policy, tag string) (*report.Report, error) {
	r := &report.Report{
		Image:    report.Image{Tag: tag, Digest: b.Digest, ParentDigest: b.ParentDigest, ID: b.ImageID},
		Evidence: b.Evidence(),
		Matches:  report.Matches{Database: report.Database{Error: "no vulnerability database was given"}},
	}
	var err error
	if db != nil {
		if r.Matches, err = db.Match(ctx, b); err != nil {
			return nil, err
		}
	}
	seen, err := policy.Collect(ctx, b)
	if err != nil {
		return nil, err
	}
	e := policy.Evaluate(p, policy.Input{Image: r.Image, Tag: tag, Evidence: seen, Matches: r.Matches, Now: time.Now().UTC()})
	r.Evaluation = &e
	return r, nil
}
