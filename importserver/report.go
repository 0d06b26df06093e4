package importserver

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

const (
	// verdictLife is how long a verdict stands although nothing that it rests on
	// has changed: rules look at the clock, too.
	verdictLife = time.Hour
	// maxVerdicts is how many verdicts the history of an image shows.
	maxVerdicts = 100
)

// vulnerabilityTypes are what the vulnerabilities of an image can be asked for.
var vulnerabilityTypes = []string{"all", "non-os", "os"}

// Vulnerabilities are those of an image's packages, as they were matched last.
func (a *Account) Vulnerabilities(ctx context.Context, digest string, f wire.VulnerabilityFilter) (wire.Vulnerabilities, error) {
	i, r, err := a.matched(ctx, digest, f)
	if err != nil {
		return wire.Vulnerabilities{}, err
	}
	v := wire.VulnerabilitiesOf(digest, r.Matches, f)
	return v, a.inheritVulnerabilities(ctx, i, f.Base, &v)
}

// matched is an analysed image and what was matched to it last, or now where a
// filter asks for that.
func (a *Account) matched(ctx context.Context, digest string, f wire.VulnerabilityFilter) (store.Image, store.Report, error) {
	if f.Type != "" && !slices.Contains(vulnerabilityTypes, f.Type) {
		return store.Image{}, store.Report{}, fault.New(fault.Invalid, "there is no vulnerability type %.100q; have all, os, non-os", f.Type)
	}
	i, err := a.analyzed(ctx, digest)
	if err != nil {
		return i, store.Report{}, err
	}
	if f.Refresh {
		if err := a.server.rematch(ctx, i); err != nil {
			return i, store.Report{}, err
		}
	}
	r, err := a.server.store.View().Report(ctx, i.ID)
	return i, r, err
}

// rematch matches an image's packages anew, if nobody does so anyway meanwhile.
func (s *Server) rematch(ctx context.Context, i store.Image) error {
	leave, err := s.place(ctx)
	if err != nil {
		return err
	}
	defer leave()
	b, err := s.evidence(ctx, i)
	if err != nil {
		return err
	}
	m, err := s.functions.Match(ctx, b)
	if err != nil {
		return err
	}
	return s.store.InTx(ctx, func(tx *store.Tx) error {
		now, err := tx.ImageByID(ctx, i.ID)
		if err != nil || now.Status != wire.Analyzed || now.Evidence != i.Evidence {
			return ignoreNone(err)
		}
		packages, err := tx.PackageIDs(ctx, i.ID)
		if err != nil {
			return err
		}
		return tx.SetReport(ctx, i.ID, store.Report{Evidence: i.Evidence, Matches: m, CreatedAt: s.now()}, packages)
	})
}

func ignoreNone(err error) error {
	if errors.Is(err, store.ErrNone) {
		return nil
	}
	return err
}

// hasTag tells whether an image has a full tag, or had it.
func (a *Account) hasTag(ctx context.Context, i store.Image, name string) (bool, error) {
	tags, err := a.server.store.View().Tags(ctx, i.ID)
	return slices.ContainsFunc(tags, func(t store.Tag) bool { return nameOf(t).FullTag() == name }), err
}

// Check is what a policy says of an image under a tag.
func (a *Account) Check(ctx context.Context, digest string, r wire.CheckRequest) (wire.Check, error) {
	if r.Tag == "" {
		return wire.Check{}, fault.New(fault.Invalid, "check image: no tag is given").
			WithHint("name one of the image's tags: policies choose their rules by it")
	}
	tag, err := reference.Parse(r.Tag)
	if err == nil && tag.Tag == "" {
		err = fault.New(fault.Invalid, "check image: %.200q is not a tag", r.Tag)
	}
	if err != nil {
		return wire.Check{}, err
	}
	i, err := a.analyzed(ctx, digest)
	if err != nil {
		return wire.Check{}, err
	}
	p, err := a.policyFor(ctx, r.PolicyID)
	if err != nil {
		return wire.Check{}, err
	}
	own, err := a.hasTag(ctx, i, tag.FullTag())
	if err != nil {
		return wire.Check{}, err
	}
	all, err := a.server.evaluate(ctx, i, p, tag.FullTag(), r.Interactive || !own) // a verdict under any other name is not kept
	if err != nil {
		return wire.Check{}, err
	}
	if !r.History {
		all = all[:1]
	}
	base, err := a.inheritFindings(ctx, i, p, tag.FullTag(), r.Base, all)
	if err != nil {
		return wire.Check{}, err
	}
	c := wire.Check{PolicyID: p.Policy.ID, Digest: digest, Tag: tag.FullTag(), Evaluations: []wire.Evaluation{}}
	for _, v := range all {
		e := wire.EvaluationOf(v.Result, p.Policy, v.Database, r.Detail)
		e.Base = base
		c.Evaluations = append(c.Evaluations, e)
	}
	return c, nil
}

// policyFor is the policy of an id, or the active one.
func (a *Account) policyFor(ctx context.Context, id string) (store.Policy, error) {
	if id != "" {
		return a.policy(ctx, a.server.store.View(), id)
	}
	p, err := a.server.store.View().ActivePolicy(ctx, a.name)
	if errors.Is(err, store.ErrNone) {
		err = fault.New(fault.NotFound, "no policy is active").WithHint("activate one of tidepole policy list")
	}
	return p, err
}

// evaluate gives the verdict that holds now, followed by older ones, newest first.
func (s *Server) evaluate(ctx context.Context, i store.Image, p store.Policy, tag string, interactive bool) ([]store.Evaluation, error) {
	r, err := s.store.View().Report(ctx, i.ID)
	if err != nil {
		return nil, err
	}
	kept, err := s.store.View().Evaluations(ctx, i.ID, tag, p.Policy.ID, maxVerdicts)
	if err != nil {
		return nil, err
	}
	now := -1
	for n, v := range kept {
		if v.PolicyDigest == p.Digest && v.Database.Digest == r.Matches.Database.Digest && v.Evidence == i.Evidence {
			now = n
		}
	}
	// An older verdict that holds again is made anew, so that the newest is what holds.
	if now == 0 && !interactive && s.now().Sub(kept[0].At) <= verdictLife {
		return kept, nil
	}
	v, err := s.evaluateNow(ctx, i, p, r.Matches, tag, interactive)
	if err != nil {
		return nil, err
	}
	if now >= 0 {
		kept = slices.Delete(kept, now, now+1)
	}
	return append([]store.Evaluation{v}, kept...), nil
}

// evaluateNow judges an image by a policy and keeps the verdict, unless it is
// asked for interactively.
func (s *Server) evaluateNow(ctx context.Context, i store.Image, p store.Policy, m report.Matches, tag string, interactive bool) (store.Evaluation, error) {
	leave, err := s.place(ctx)
	if err != nil {
		return store.Evaluation{}, err
	}
	defer leave()
	b, err := s.evidence(ctx, i)
	if err != nil {
		return store.Evaluation{}, err
	}
	v, err := s.judge(ctx, i, b, m, p, tag)
	if err != nil || interactive {
		return v, err
	}
	return v, s.store.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.ImageByID(ctx, i.ID); err != nil {
			return ignoreNone(err) // it was deleted meanwhile
		}
		return tx.PutEvaluation(ctx, v)
	})
}
