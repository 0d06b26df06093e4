package engine

import (
	"context"
	"encoding/json"
	"math"

	"github.com/tidepole/tidepole/analysis"
	"github.com/tidepole/tidepole/analysis/cache"
	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/policy"
	"github.com/tidepole/tidepole/analysis/sbom"
	"github.com/tidepole/tidepole/analysis/vulns"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/formats/bundle"
	rules "github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
)

// registrySource is where a server takes images from.
const registrySource = "registry"

// Functions are the analysis that a server is handed.
func Functions(e *env.Env, db *vulns.Database) (importserver.Functions, error) {
	images, err := imageOptions(e)
	if err != nil {
		return importserver.Functions{}, err
	}
	o, err := options(e, nil)
	if err != nil {
		return importserver.Functions{}, err
	}
	s := server{images: images, options: o, env: e}
	return importserver.Functions{
		Resolve: s.resolve, Analyze: s.analyze, Match: db.Match, Lookup: db.Lookup, Evaluate: s.evaluate,
		CheckPolicy: policy.Check, DefaultPolicy: policy.Default(), PolicySpec: policySpec(),
		Encode: sbom.Encode, SBOMFormats: sbom.Formats(),
		Ping: s.ping, Tags: s.tags,
		Database: db,
	}, nil
}

// server is the analysis with a server's settings.
type server struct {
	images  image.Options
	options analysis.Options
	env     *env.Env
}

func (s server) resolve(ctx context.Context, t importserver.Target) (importserver.Resolved, error) {
	id, err := image.Resolve(ctx, image.Request{
		Reference: t.PullString, Source: registrySource, Platform: t.Platform, Options: s.signedIn(t.PullString, t.Login)})
	if err != nil {
		return importserver.Resolved{}, err
	}
	return importserver.Resolved{
		Digest: id.Digest, ParentDigest: id.ParentDigest, ImageID: id.ID, Platform: id.Platform, Size: storedSize(id.Manifest),
	}, nil
}

// storedSize is what a manifest says that its layers have together; -1 where it
// does not say.
func storedSize(manifest []byte) int64 {
	var m struct {
		Layers []struct {
			Size int64 `json:"size"`
		} `json:"layers"`
	}
	if err := json.Unmarshal(manifest, &m); err != nil {
		return -1
	}
	var sum int64
	for _, l := range m.Layers {
		if l.Size < 0 || l.Size > math.MaxInt64-sum {
			return -1
		}
		sum += l.Size
	}
	return sum
}

func (s server) analyze(ctx context.Context, job importserver.Job, to importserver.Importer) error {
	if s.env.Program != "" {
		return s.apart(ctx, job, to)
	}
	defer collectSooner(s.env)()
	o := s.options
	images := s.signedIn(job.PullString, job.Login)
	images.Limits.MaxStoredBytes = s.env.Bounds.ImageBytes()
	o.Progress = func(p image.Progress) { job.Progress(p.Stage) }
	req := analysis.Request{
		Image:      image.Request{Reference: job.PullString, Source: registrySource, Platform: job.Platform, Options: images},
		Dockerfile: job.Dockerfile, Annotations: job.Annotations,
	}
	if len(job.Tags) > 0 {
		req.Name = job.Tags[0]
	}
	return withCache(s.env, logCache(ctx, s.env), func(c cache.Store) error {
		o.Cache = c
		_, err := analysis.Add(ctx, req, o, retagged{to, job.Tags}, wire.AddOptions{})
		return err
	})
}

// retagged records evidence under the tags of the job, whatever name it was
// pulled by.
type retagged struct {
	to   importserver.Importer
	tags []string
}

func (r retagged) Import(ctx context.Context, b *bundle.Bundle, o wire.AddOptions) (wire.Receipt, error) {
	b.Tags = r.tags
	return r.to.Import(ctx, b, o)
}

func (s server) evaluate(ctx context.Context, p rules.Policy, b *bundle.Bundle, m report.Matches, i report.Image, tag string) (report.Evaluation, error) {
	evidence, err := policy.CollectFor(ctx, b, p)
	if err != nil {
		return report.Evaluation{}, err
	}
	return policy.Evaluate(p, policy.Input{Image: i, Tag: tag, Evidence: evidence, Matches: m, Now: s.env.Now()}), nil
}
