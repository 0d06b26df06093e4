package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// cancelled begins the reason of an image whose work a user ended.
const cancelled = "cancelled by "

// damaged is what is said of the image that cannot be analysed.
const damaged = "its tar is damaged"

var gaveUp = regexp.MustCompile(`^([a-z]+): gave up after ([0-9]+) attempts: `)

// mishap is what an attempt says that failed because of something that goes wrong here.
var mishap = regexp.MustCompile(strings.Join([]string{
	`connection reset by peer`, `connection refused`, `broken pipe`, `\bEOF\b`, `i/o timeout`, // of any line
	`answers 503`,                               // of the registry
	`no space left`, `database or disk is full`, // of the disk
	`the database does not answer`, `the database took too long`, // of PostgreSQL
	`brought too long ago`, // of processes that are stopped for longer than evidence is kept
}, "|"))

// excused tells why an image is not as it should be that can be analysed: somebody
// cancelled its work, or so many attempts failed because of what went wrong here.
func (w *World) excused(ctx context.Context, digest string) (why string, err error) {
	q, err := w.direct.ImageQueue(ctx, digest)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(q.StatusReason, cancelled) {
		return "cancelled", nil
	}
	said := gaveUp.FindStringSubmatch(q.StatusReason)
	if said == nil {
		return "", fmt.Errorf("nothing that went wrong here explains this: %s", q.StatusReason)
	}
	left, _ := strconv.Atoi(said[2])
	for n := len(q.Attempts) - 1; n >= 0 && left > 0; n-- {
		a := q.Attempts[n]
		switch {
		case a.Stage != said[1]:
			continue
		case a.Outcome == store.AttemptFailed && !mishap.MatchString(a.Reason):
			return "", fmt.Errorf("nothing that went wrong here explains attempt %d, in stage %s: %s", a.Number, a.Stage, a.Reason)
		case a.Outcome == store.AttemptFailed, a.Outcome == store.AttemptLost:
			left--
		}
	}
	if left > 0 {
		return "", fmt.Errorf("it lacks %d of the attempts that its reason speaks of: %s", left, q.StatusReason)
	}
	return "too many attempts failed", nil
}

// takeUp sees that those images that have failed are excused, and has them taken up
// again, now that nothing goes wrong. It tells how many.
func (w *World) takeUp(ctx context.Context, records []wire.Image) (n int, err error) {
	for _, r := range records {
		if r.Status != wire.AnalysisFailed {
			continue
		}
		why, err := w.excused(ctx, r.Digest)
		switch {
		case err == nil:
			w.figures.Excused[why]++
		case !w.image(r.Digest).broken:
			return n, fmt.Errorf("image %s can be analysed, and is not: %w", r.Digest, err)
		}
		if _, err := w.direct.Retry(ctx, r.Digest); err != nil {
			return n, fmt.Errorf("take image %s up again: %w", r.Digest, err)
		}
		n++
	}
	return n, nil
}

// sound sees that every image is analysed, or cannot be.
func (w *World) sound(records []wire.Image) error {
	for _, r := range records {
		broken := w.image(r.Digest).broken
		switch {
		case !broken && r.Status != wire.Analyzed:
			return fmt.Errorf("image %s was taken up again after all was mended, and is %s: %s", r.Digest, r.Status, r.StatusReason)
		case broken && (r.Status != wire.AnalysisFailed || !strings.Contains(r.StatusReason, damaged) || gaveUp.MatchString(r.StatusReason)):
			return fmt.Errorf("image %s cannot be analysed, and is %s: %s", r.Digest, r.Status, r.StatusReason)
		}
	}
	return nil
}

func (w *World) image(digest string) *image {
	for _, i := range w.images {
		if i.digest == digest {
			return i
		}
	}
	return &image{}
}

// newest waits until every process has the database that the last answer spoke of, and
// every image's report is of it, but where somebody cancelled that, or so much went
// wrong: those are matched anew, which must help.
func (w *World) newest(ctx context.Context) (string, error) {
	refreshed := map[string]bool{}
	for {
		digest, stale, err := w.stale(ctx)
		if err == nil && len(stale) == 0 {
			w.database.settle(digest)
			return digest, nil
		}
		for _, image := range stale {
			why, excuse := w.excused(ctx, image)
			if err != nil || excuse != nil || refreshed[image] {
				continue
			}
			w.figures.Excused["report: "+why]++
			refreshed[image] = true
			if _, err := w.direct.Vulnerabilities(ctx, image, wire.VulnerabilityFilter{Refresh: true}); err != nil {
				return "", fmt.Errorf("match image %s anew: %w", image, err)
			}
		}
		select {
		case <-ctx.Done():
			return "", errors.Join(fmt.Errorf("%v after all was mended, these images have no report of the database %s: %q", w.Bound, digest, stale), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// stale are the analysed images whose report is none of the newest database.
func (w *World) stale(ctx context.Context) (newest string, images []string, err error) {
	d, err := w.direct.Database(ctx)
	if err != nil {
		return "", nil, err
	}
	if err := w.database.check(d.Digest); err != nil {
		return d.Digest, nil, err
	}
	processes, err := w.direct.Workers(ctx)
	if err != nil {
		return d.Digest, nil, err
	}
	for _, p := range processes {
		if p.Up && p.Database != d.Digest {
			return d.Digest, nil, fmt.Errorf("the process %s has the database %q, and the newest is %s", p.Name, p.Database, d.Digest)
		}
	}
	db, err := w.reader()
	if err != nil {
		return d.Digest, nil, err
	}
	defer db.Close()
	images, err = texts(ctx, db, `SELECT i.digest FROM images i LEFT JOIN reports r ON r.image = i.id
		WHERE i.status = '`+wire.Analyzed+`' AND (r.image IS NULL OR r.db_digest <> '`+strings.ReplaceAll(d.Digest, "'", "")+`')`)
	return d.Digest, images, err
}

// judged sees that the verdict on an image is by the active policy and the newest database.
func (w *World) judged(ctx context.Context, i *image, database string) error {
	c, err := w.direct.Check(ctx, i.digest, wire.CheckRequest{Tag: i.name})
	if err != nil {
		return err
	}
	if len(c.Evaluations) != 1 {
		return fmt.Errorf("it has %d verdicts, want 1", len(c.Evaluations))
	}
	v := c.Evaluations[0]
	if c.PolicyID != w.policy.value || v.FinalAction != verdicts[w.policy.value] || v.Database.Digest != database {
		return fmt.Errorf("it is %q by policy %s and database %s; the active policy is %s, which says %q, and the database is %s",
			v.FinalAction, c.PolicyID, v.Database.Digest, w.policy.value, verdicts[w.policy.value], database)
	}
	return nil
}

// active is the policy that is.
func (w *World) active(ctx context.Context) error {
	all, err := w.direct.Policies(ctx, false)
	if err != nil {
		return err
	}
	var active []string
	for _, p := range all {
		if p.Active {
			active = append(active, p.ID)
		}
	}
	if len(active) != 1 {
		return fmt.Errorf("the active policies are %q, want one", active)
	}
	if err := w.policy.check(active[0]); err != nil {
		return err
	}
	w.policy.settle(active[0])
	return nil
}

// verdicts are the policies of a run, and what they say of every image.
var verdicts = map[string]string{"warns": "warn", "stops": "stop"}

// policies makes the run's policies, and has one of them active.
func (w *World) policies(ctx context.Context) error {
	for id, action := range verdicts {
		p := policy.Policy{
			ID: id, Name: id, Version: "2",
			RuleSets: []policy.RuleSet{{ID: "rules", Name: "rules", Version: "2", Rules: []policy.Rule{
				{ID: "rule", Gate: "always", Trigger: "always", Action: strings.ToUpper(action), Params: []policy.Param{}},
			}}},
			Mappings: []policy.Mapping{{
				ID: "all", Name: "all", RuleSetIDs: []string{"rules"}, AllowlistIDs: []string{},
				Registry: "*", Repository: "*", Image: policy.ImageRef{Type: "tag", Value: "*"},
			}},
		}
		if _, err := w.direct.AddPolicy(ctx, p); err != nil {
			return err
		}
	}
	_, err := w.direct.ActivatePolicy(ctx, "warns")
	w.policy.settle("warns")
	return err
}

// activate makes one of the policies the active one.
func (w *World) activate(ctx context.Context) (bool, error) {
	id := []string{"warns", "stops"}[w.random.IntN(2)]
	return w.policy.change(w, ctx, requestTime, func(c *client.Client, ctx context.Context) (string, error) {
		p, err := c.ActivatePolicy(ctx, id)
		return p.ID, err
	}), nil
}

// complaint is a line of a log that there must be none of: a request that was answered
// with a failure that tells nobody what to do, or a panic.
var complaint = regexp.MustCompile(`(?m)^.*msg="(request failed|[a-z]+ panicked)".*$`)

// complaints looks for such lines in what each process has logged since the last look.
func (w *World) complaints() error {
	for _, p := range w.servers {
		data, err := os.ReadFile(p.path("log"))
		if err != nil {
			return err
		}
		if line := complaint.Find(data[min(p.heard, len(data)):]); line != nil {
			return fmt.Errorf("the %s logs: %s", p.name, line)
		}
		p.heard = len(data)
	}
	return nil
}
