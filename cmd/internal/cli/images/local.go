package images

import (
	"context"
	"errors"
	"io/fs"

	"github.com/tidepole/tidepole/cmd/internal/cli/engine"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/cmd/internal/cli/progress"
	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/reference"
	"github.com/tidepole/tidepole/formats/wire"
)

// checkLocal does everything in this process.
func checkLocal(ctx context.Context, e *env.Env, o checkOptions, format, name string) (j judgement, err error) {
	if o.history {
		return j, fault.New(fault.Invalid, "--history is what a server keeps; it does not go with --local")
	}
	p := engine.DefaultPolicy()
	if o.policy != "" {
		if p, err = engine.ReadPolicy(e.Stdin(ctx), o.policy); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return j, fault.New(fault.Invalid, "%w", err).
					WithHint("with --local, --policy is a file; tidepole policy get NAME --detail > FILE takes one from a server")
			}
			return j, err
		}
	}
	db, err := o.database.Open(e)
	if err != nil {
		return j, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	display := progress.New(e)
	defer display.Close()
	b, err := o.target.Analyze(ctx, e, name, display)
	if err != nil {
		return j, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	tag, err := o.localTag(b.Tags)
	if err != nil {
		return j, err
	}
	display.Update(progress.Event{Stage: "match"})
	r, err := engine.Assess(ctx, b, db, p, tag)
	if err != nil {
		return j, err
	}
	facts, err := b.Facts()
	if err != nil {
		return j, err
	}
	for _, note := range r.Matches.Notes {
		e.Say("note: %s", note)
	}
	return localJudgement(p, wire.EvaluationOf(*r.Evaluation, p, r.Matches.Database, o.detail || format == output.CSV), b, tag, facts), nil
}

func localJudgement(p policy.Policy, v wire.Evaluation, b *bundle.Bundle, tag string, facts bundle.Facts) judgement {
	return judgement{
		check: wire.Check{PolicyID: p.ID, Digest: b.Digest, Tag: tag, Evaluations: []wire.Evaluation{v}},
		gaps:  facts.Gaps, absent: untakenLocal(b, facts),
	}
}

// localTag is the tag that the policy's mappings are matched against.
func (o checkOptions) localTag(tags []string) (string, error) {
	if o.tag != "" {
		ref, err := reference.Parse(o.tag)
		return ref.FullTag(), err
	}
	if len(tags) == 0 {
		return "", nil
	}
	return tags[0], nil
}
