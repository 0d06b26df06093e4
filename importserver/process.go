package importserver

import (
	"context"
	"errors"
	"fmt"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/queue"
	"github.com/tidepole/tidepole/importserver/store"
)

// maxPackages bounds the packages of one image that are kept as rows.
const maxPackages = 500_000

// process does the work on one image: the analysis, where it is the server's to
// make, and the assessment of the evidence.
func (s *Server) process(ctx context.Context, l *queue.Lease, progress func(string)) error {
	if l.Work.Stage == queue.Analyze {
		if err := s.analyze(ctx, l, progress); err != nil {
			return err
		}
	}
	return s.assess(ctx, l, progress)
}

// analyze has an image pulled and analysed; its evidence comes in through an
// importer bound to the lease.
func (s *Server) analyze(ctx context.Context, l *queue.Lease, progress func(string)) error {
	progress("analyze")
	tags, err := s.store.View().Tags(ctx, l.Image.ID)
	if err != nil {
		return err
	}
	from, err := reference.Parse(l.Image.Request.PullString)
	if err != nil {
		return err
	}
	login, err := s.Account(l.Image.Account).login(ctx, from)
	if err != nil {
		return err
	}
	job := Job{
		Login:      login,
		PullString: l.Image.Request.PullString, Platform: l.Image.Request.Platform,
		Digest: l.Image.Digest, ParentDigest: l.Image.ParentDigest,
		Dockerfile: l.Image.Request.Dockerfile, Annotations: l.Image.Annotations, Progress: progress,
	}
	for _, t := range tags {
		if t.Tag != "" {
			job.Tags = append(job.Tags, nameOf(t).FullTag())
		}
	}
	to := &leased{server: s, lease: l, job: job}
	if err := s.functions.Analyze(ctx, job, to); err != nil {
		return s.Account(l.Image.Account).refusedLogin(ctx, job.PullString, login, err)
	}
	if !to.done {
		return errors.New("the analysis ended without evidence")
	}
	return nil
}

// assess draws the conclusions from the evidence that is stored for an image. What
// rests on the evidence alone is read once: a new database changes nothing in it.
func (s *Server) assess(ctx context.Context, l *queue.Lease, progress func(string)) error {
	i, err := s.store.View().ImageByID(ctx, l.Image.ID)
	if err != nil {
		return err
	}
	b, err := s.evidence(ctx, i)
	if err != nil {
		return err
	}
	read, err := s.isRead(ctx, i)
	if err != nil {
		return err
	}
	var facts store.Facts
	var packages []store.Package
	var layers []string
	if !read { // here, for what keeps the evidence may let wait, which a transaction must not
		progress("read")
		if facts, packages, err = readEvidence(b); err != nil {
			return err
		}
		if layers, err = readLayers(b); err != nil {
			return err
		}
	}
	progress("match")
	matches, err := s.functions.Match(ctx, b)
	if err != nil {
		return fmt.Errorf("match vulnerabilities: %w", err)
	}
	progress("evaluate")
	verdicts, err := s.verdicts(ctx, i, b, matches)
	if err != nil {
		return err
	}
	return l.Finish(ctx, func(tx *store.Tx) error {
		if !read {
			if err := s.keepRead(ctx, tx, i, layers, facts, packages); err != nil {
				return err
			}
		}
		return s.conclude(ctx, tx, l, conclusion{i, matches, verdicts})
	})
}

// isRead tells whether an image's rows hold what its evidence says.
func (s *Server) isRead(ctx context.Context, i store.Image) (bool, error) {
	if i.Status != wire.Analyzed {
		return false, nil
	}
	evidence, err := s.store.View().ReportedOn(ctx, i.ID)
	return err == nil && evidence == i.Evidence, ignoreNone(err)
}

// keepRead writes into an image's rows what its evidence says.
func (s *Server) keepRead(ctx context.Context, tx *store.Tx, i store.Image, layers []string, facts store.Facts, packages []store.Package) error {
	if err := tx.SetPackages(ctx, i.ID, packages); err != nil {
		return err
	}
	if err := tx.SetLayers(ctx, i.ID, layers); err != nil {
		return err
	}
	at := s.now()
	if i.Status == wire.Analyzed && !i.AnalyzedAt.IsZero() { // matched again, not analysed again
		at = i.AnalyzedAt
	}
	return tx.MarkAnalyzed(ctx, i.ID, at, facts)
}

// maxJudged is under how many of an image's tags it is judged before anybody asks.
const maxJudged = 100

// verdicts judges an image by its account's active policy, under the newest of the
// tags it has.
func (s *Server) verdicts(ctx context.Context, i store.Image, b *bundle.Bundle, m report.Matches) ([]store.Evaluation, error) {
	p, err := s.store.View().ActivePolicy(ctx, i.Account)
	if errors.Is(err, store.ErrNone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	tags, err := s.store.View().Tags(ctx, i.ID)
	if err != nil {
		return nil, err
	}
	var all []store.Evaluation
	for _, t := range tags[:min(len(tags), maxJudged)] {
		if t.Tag == "" {
			continue
		}
		v, err := s.judge(ctx, i, b, m, p, nameOf(t).FullTag())
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}

// judge evaluates one policy on one image under one tag.
func (s *Server) judge(ctx context.Context, i store.Image, b *bundle.Bundle, m report.Matches, p store.Policy, tag string) (store.Evaluation, error) {
	e, err := s.functions.Evaluate(ctx, p.Policy, b, m,
		report.Image{Tag: tag, Digest: i.Digest, ParentDigest: i.ParentDigest, ID: i.ImageID}, tag)
	if err != nil {
		return store.Evaluation{}, fmt.Errorf("evaluate policy %s: %w", p.Policy.ID, err)
	}
	return store.Evaluation{
		Image: i.ID, Tag: tag, Policy: p.Policy.ID, PolicyDigest: p.Digest,
		Database: m.Database, Evidence: i.Evidence, At: s.now(), Result: e,
	}, nil
}

// readEvidence reads what an image's rows hold. Evidence that cannot be read is
// fault.Invalid; that it cannot be got at just now stays what it is.
func readEvidence(b *bundle.Bundle) (store.Facts, []store.Package, error) {
	if _, ok := b.Part(bundle.Packages); !ok {
		return store.Facts{}, nil, fault.New(fault.Invalid, "the evidence lacks %s", bundle.Packages)
	}
	var packages distinct
	f, err := b.FactsAnd(packages.add)
	if err != nil {
		return store.Facts{}, nil, unreadable(err)
	}
	return store.Facts{
		Arch: f.Arch, Distro: f.Distro, DistroVersion: f.DistroVersion, DockerfileMode: f.DockerfileMode,
		Size: f.Size, Layers: len(f.Layers), Gaps: f.Gaps, NoFiles: f.Files == 0,
	}, packages.all, nil
}

func unreadable(err error) error {
	if fault.Of(err) != fault.Internal || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fault.New(fault.Invalid, "%w", err).
		WithHint("if the evidence came from another tool, check that it is syft's JSON; if tidepole made it, add the image with --force")
}

// distinct are the packages of an image as rows have them, each once.
type distinct struct {
	all  []store.Package
	seen map[store.Package]bool
}

func (d *distinct) add(p bundle.Package) error {
	row := store.Package{Type: p.Type, Name: p.Name, Version: p.Version, PURL: p.PURL}
	if d.seen[row] {
		return nil
	}
	if len(d.all) == maxPackages {
		return fault.New(fault.TooLarge, "the image has more than %d packages", maxPackages)
	}
	if d.seen == nil {
		d.seen = map[store.Package]bool{}
	}
	d.seen[row] = true
	d.all = append(d.all, row)
	return nil
}

// statuses are those that an image can have.
var statuses = map[string]bool{wire.NotAnalyzed: true, wire.Analyzing: true, wire.Analyzed: true, wire.AnalysisFailed: true}
