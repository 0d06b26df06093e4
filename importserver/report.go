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
	// maxVerdicts is how many verdicts the history of an image shows, and historyBytes
	// how long they may be together as they are kept.
	maxVerdicts  = 100
	historyBytes = 32 << 20
	historyRoom  = 5 * historyBytes // about what they take in memory and in an answer
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

// rematch matches an image's packages anew, if nobody does so anyway meanwhile. What was
// matched with another database than the one that is wanted by then is not kept.
func (s *Server) rematch(ctx context.Context, i store.Image) error {
	leave, err := s.Account(i.Account).place(ctx)
	if err != nil {
		return err
	}
	defer leave()
	b, err := s.evidence(ctx, i)
	if err != nil {
		return err
	}
	for range 3 {
		m, err := s.functions.Match(ctx, b)
		if err != nil {
			return err
		}
		want, err := s.keepMatches(ctx, i, m)
		if err != nil || want == "" {
			return err
		}
		if s.database(ctx).Digest == m.Database.Digest {
			break // it would match with the same again
		}
	}
	s.wakeFollower()
	return fault.New(fault.Unavailable, "match image %s anew: this server does not have the newest vulnerability database yet", i.Digest).
		WithHint("ask again in a moment: the server is about to take it in, and all images are matched with it then")
}

// keepMatches keeps what an image was matched to anew. Where another vulnerability
// database is wanted by now, it does not, and tells which.
func (s *Server) keepMatches(ctx context.Context, i store.Image, m report.Matches) (want string, err error) {
	err = s.store.InTx(ctx, func(tx *store.Tx) error {
		want = ""
		now, err := tx.ImageByID(ctx, i.ID) // before the database is read: whoever matches with a newer one waits
		if err != nil || now.Status != wire.Analyzed || now.Evidence != i.Evidence {
			return ignoreNone(err)
		}
		if want, err = s.insteadOf(ctx, tx, m.Database); err != nil || want != "" {
			return err
		}
		return tx.SetReport(ctx, i.ID, store.Report{Evidence: i.Evidence, Matches: m, CreatedAt: s.now()})
	})
	return want, err
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
	most := 1
	if r.History {
		most = maxVerdicts
	}
	all, err := a.server.evaluate(ctx, i, p, tag.FullTag(), r.Interactive || !own, most) // a verdict under any other name is not kept
	if err != nil {
		return wire.Check{}, err
	}
	base, err := a.inheritFindings(ctx, i, p, tag.FullTag(), r.Base, all)
	if err != nil {
		return wire.Check{}, err
	}
	c := wire.Check{PolicyID: p.Policy.ID, Digest: digest, Tag: tag.FullTag(), Evaluations: []wire.Evaluation{}}
	for _, v := range all {
		by := p
		if r.Detail && v.PolicyDigest != p.Digest { // an older verdict, by what the policy said then
			if by, err = a.server.policyThen(ctx, v); err != nil {
				return wire.Check{}, err
			}
		}
		e := wire.EvaluationOf(v.Result, by.Policy, v.Database, r.Detail)
		e.Base = base
		c.Evaluations = append(c.Evaluations, e)
	}
	return c, nil
}

// policyThen is the policy that a verdict was made by. One that is known no more has
// its id alone.
func (s *Server) policyThen(ctx context.Context, v store.Evaluation) (store.Policy, error) {
	text, err := s.store.View().PolicyText(ctx, v.PolicyDigest)
	text.ID = v.Policy
	return store.Policy{Digest: v.PolicyDigest, Policy: text}, ignoreNone(err)
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

// evaluate gives the verdict that holds now, followed by older ones, newest first:
// most in all.
func (s *Server) evaluate(ctx context.Context, i store.Image, p store.Policy, tag string, interactive bool, most int) ([]store.Evaluation, error) {
	r, err := s.store.View().Report(ctx, i.ID)
	if err != nil {
		return nil, err
	}
	kept, err := s.store.View().Evaluations(ctx, i.ID, tag, p.Policy.ID, most, historyBytes)
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
	kept = append([]store.Evaluation{v}, kept...)
	return kept[:min(len(kept), most)], nil
}

// evaluateNow judges an image by a policy and keeps the verdict, unless it is
// asked for interactively.
func (s *Server) evaluateNow(ctx context.Context, i store.Image, p store.Policy, m report.Matches, tag string, interactive bool) (store.Evaluation, error) {
	leave, err := s.Account(i.Account).place(ctx)
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
