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

	"github.com/tidepole/tidepole/analysis/files"
	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/policy"
	"github.com/tidepole/tidepole/analysis/sbom"
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

// Analyze opens an image and reads it once: while its layers arrive, digests
// are taken and contents searched; then packages are catalogued and everything
// is written into a bundle, which the caller closes.
func Analyze(ctx context.Context, req Request, o Options) (b *bundle.Bundle, err error) {
	if req, o, err = prepare(req, o); err != nil {
		return nil, err
	}
	img, err := image.Open(ctx, req.Image)
	if err != nil {
		return nil, err
	}
	b, err = analyze(ctx, req, o, img)
	if err = errors.Join(err, img.Close()); err != nil {
		return nil, errors.Join(withHint(err, o.TempDir), b.Close())
	}
	return b, nil
}

func analyze(ctx context.Context, req Request, o Options, img *image.Image) (b *bundle.Bundle, err error) {
	names, err := recordNames(req, img.Identity, img.Source)
	if err != nil {
		return nil, err
	}
	secrets, contents := newSearch("secret search", o.Secrets), newSearch("content search", o.Content)
	pass, err := files.New(ctx, img.V1(), files.Options{Observers: observers(secrets, contents)})
	if err != nil {
		return nil, err
	}
	tree, err := sbom.Read(ctx, pass, sbom.Source{
		Name: names.document, Tags: validTags(names.tags), Manifest: img.Manifest, Config: img.Config,
	}, o.TempDir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, tree.Close()) }()
	o.stage("catalog", false)
	doc, err := tree.Catalog(ctx)
	if err != nil {
		return nil, err
	}
	o.stage("catalog", true)
	e := evidence{req, o, img, names, pass, tree, doc, secrets, contents}
	return e.bundle(ctx)
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
