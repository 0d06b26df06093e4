package importserver

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// noteAssessed notes what is new in an assessment since the last one, for every
// tag that means the image now. What is found for the first time is not new.
func (s *Server) noteAssessed(ctx context.Context, tx *store.Tx, i store.Image, verdicts []store.Evaluation, m report.Matches) error {
	tags, err := tx.Meaning(ctx, i.ID)
	if err != nil {
		return err
	}
	by := make(map[string]store.Evaluation, len(verdicts))
	for _, v := range verdicts {
		by[v.Tag] = v
	}
	found, count := fingerprint(m)
	for _, t := range tags {
		now := store.TagCheck{Account: t.Account, Tag: nameOf(t).FullTag(), Image: i.Digest, Vulnerabilities: found, Found: count}
		if v, ok := by[now.Tag]; ok {
			now.Policy, now.Action = v.Policy, v.Result.FinalAction
		}
		if err := s.noteCheck(ctx, tx, now); err != nil {
			return err
		}
	}
	return nil
}

// noteCheck keeps what was found of a tag and notes what is new in it.
func (s *Server) noteCheck(ctx context.Context, tx *store.Tx, now store.TagCheck) error {
	last, err := tx.TagCheck(ctx, now.Account, now.Tag)
	first := errors.Is(err, store.ErrNone)
	if err != nil && !first {
		return err
	}
	if now == last {
		return nil
	}
	if err := tx.PutTagCheck(ctx, now); err != nil || first {
		return err
	}
	a := s.Account(now.Account)
	e := event{ResourceType: resourceTag, ResourceID: now.Tag, Service: "worker"}
	if now.Image == last.Image && now.Vulnerabilities != last.Vulnerabilities {
		e.Type, e.Message = wire.EventVulnerabilities, fmt.Sprintf("other vulnerabilities are found for the tag's image: %d, formerly %d", now.Found, last.Found)
		e.Details = map[string]any{"image_digest": now.Image, "found": now.Found, "last_found": last.Found}
		if err := a.note(ctx, tx, e); err != nil {
			return err
		}
	}
	if now.Action == last.Action || now.Action == "" || last.Action == "" {
		return nil
	}
	e.Type, e.Message = wire.EventPolicyEvaluation, fmt.Sprintf("the verdict on the tag is %s, formerly %s", now.Action, last.Action)
	e.Details = map[string]any{
		"curr_eval": map[string]any{"final_action": now.Action, "policy_id": now.Policy, "image_digest": now.Image},
		"last_eval": map[string]any{"final_action": last.Action, "policy_id": last.Policy, "image_digest": last.Image},
	}
	return a.note(ctx, tx, e)
}

// fingerprint is a digest over which vulnerabilities were found in which packages,
// and how severe and fixed they are, whatever their order; and their number.
func fingerprint(m report.Matches) (string, int) {
	lines := make([]string, 0, len(m.Vulnerabilities))
	for _, v := range m.Vulnerabilities {
		lines = append(lines, fmt.Sprintf("%q %q %q %q %q %q %q", v.ID, v.Namespace, v.Severity, v.FixState, v.FixVersions, v.Package.Type, v.Package.Name+"@"+v.Package.Version))
	}
	slices.Sort(lines)
	h := sha256.New()
	for _, l := range lines {
		fmt.Fprintln(h, l)
	}
	return hex.EncodeToString(h.Sum(nil)), len(lines)
}
