package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/report"
)

// Report is what was matched to an image's packages.
type Report struct {
	Evidence  string // what it rests on
	Matches   report.Matches
	CreatedAt time.Time
}

// detail is the part of a match that is one image's alone; the rest is shared
// with all images that have the same vulnerability.
type detail struct {
	Package  report.Package    `json:"package"`
	Evidence []report.Evidence `json:"evidence"`
	Detected time.Time         `json:"detected,omitzero"`
}

// match is a row of an image's matches.
type match struct {
	vulnerability int64
	pkg           sql.NullInt64
	detail        string
}

// SetReport replaces an image's matches. Those that stay as they were cost next to
// nothing: a new database changes few.
func (t *Tx) SetReport(ctx context.Context, image int64, r Report) error {
	before, err := t.detected(ctx, image, r)
	if err != nil {
		return fmt.Errorf("read the report from before: %w", err)
	}
	head := r.Matches
	head.Vulnerabilities = nil
	_, err = t.exec(ctx, `INSERT INTO reports (image, evidence, db_digest, head, created_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (image) DO UPDATE SET evidence = excluded.evidence, db_digest = excluded.db_digest, head = excluded.head, created_at = excluded.created_at`,
		image, r.Evidence, r.Matches.Database.Digest, asJSON(head), micros(r.CreatedAt))
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	shared := make([]string, len(r.Matches.Vulnerabilities))
	for i, v := range r.Matches.Vulnerabilities {
		v.Package, v.Evidence, v.Detected = report.Package{}, nil, time.Time{}
		body, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("write %s: %w", v.ID, err) // a score that is not a number
		}
		shared[i] = string(body)
	}
	hashes, ids, err := t.vulnerabilities(ctx, r.Matches.Vulnerabilities, shared)
	if err != nil {
		return fmt.Errorf("write vulnerabilities: %w", err)
	}
	now, err := t.matches(ctx, r.Matches.Vulnerabilities, hashes, ids)
	if err != nil {
		return fmt.Errorf("look up packages: %w", err)
	}
	return t.setMatches(ctx, image, before, now, r.Matches.Vulnerabilities)
}

// detected says of each match since when it is known: from the report before, or
// from this one on. It gives the matches from before, by their places.
func (t *Tx) detected(ctx context.Context, image int64, r Report) ([]match, error) {
	var created int64
	err := t.one(ctx, `SELECT created_at FROM reports WHERE image = $1`, []any{image}, []any{&created})
	if err != nil && !errors.Is(err, ErrNone) {
		return nil, err
	}
	since := map[string]time.Time{}
	key := func(id, namespace string, p report.Package) string {
		return strings.Join([]string{id, namespace, p.Type, p.Name, p.Version}, "\x00")
	}
	var before []match
	err = t.each(ctx, `SELECT v.name, v.namespace, m.vulnerability, m.package, m.detail FROM matches m JOIN vulnerabilities v ON v.id = m.vulnerability
		WHERE m.image = $1 ORDER BY m.place`, []any{image}, func(rows *sql.Rows) error {
		var name, namespace string
		var m match
		if err := rows.Scan(&name, &namespace, &m.vulnerability, &m.pkg, &m.detail); err != nil {
			return err
		}
		before = append(before, m)
		var d detail
		if err := json.Unmarshal([]byte(m.detail), &d); err != nil {
			return fmt.Errorf("read match: %w", err)
		}
		if d.Detected.IsZero() {
			d.Detected = fromMicros(created)
		}
		since[key(name, namespace, d.Package)] = d.Detected
		return nil
	})
	for n := range r.Matches.Vulnerabilities {
		v := &r.Matches.Vulnerabilities[n]
		if v.Detected = since[key(v.ID, v.Namespace, v.Package)]; v.Detected.IsZero() {
			v.Detected = r.CreatedAt
		}
	}
	return before, err
}

// vulnerabilities makes sure that there is a row for each body, and gives the
// bodies' hashes and the rows' numbers by hash.
func (t *Tx) vulnerabilities(ctx context.Context, all []report.Vulnerability, bodies []string) ([]string, map[string]int64, error) {
	hashes, distinct, place := make([]string, len(all)), []string{}, map[string]int{}
	for i, body := range bodies {
		sum := sha256.Sum256([]byte(body))
		hashes[i] = hex.EncodeToString(sum[:16])
		if _, ok := place[hashes[i]]; !ok {
			place[hashes[i]] = i
			distinct = append(distinct, hashes[i])
		}
	}
	ids, err := t.known(ctx, "vulnerabilities", distinct)
	if err != nil {
		return nil, nil, err
	}
	err = t.insertMissing(ctx, Table{Name: "vulnerabilities", Columns: []string{"id", "hash", "name", "namespace", "severity", "fix_state", "body"}}, distinct, ids,
		func(h string) []any {
			v := all[place[h]]
			return []any{v.ID, v.Namespace, v.Severity, v.FixState, bodies[place[h]]}
		})
	return hashes, ids, err
}

// matches are the rows of what was found.
func (t *Tx) matches(ctx context.Context, all []report.Vulnerability, hashes []string, ids map[string]int64) ([]match, error) {
	own := make([]string, len(all))
	for i, v := range all {
		own[i] = Package{Type: v.Package.Type, Name: v.Package.Name, Version: v.Package.Version, PURL: v.Package.PURL}.Hash()
	}
	packages, err := t.known(ctx, "packages", slices.Compact(slices.Sorted(slices.Values(own))))
	if err != nil {
		return nil, err
	}
	rows := make([]match, len(all))
	for i, v := range all {
		id, ok := packages[own[i]]
		rows[i] = match{ids[hashes[i]], sql.NullInt64{Int64: id, Valid: ok}, asJSON(detail{v.Package, v.Evidence, v.Detected})}
	}
	return rows, nil
}

// setMatches writes the matches that are others than before at their places. What they
// are of is in all, at the same places.
func (t *Tx) setMatches(ctx context.Context, image int64, before, now []match, all []report.Vulnerability) error {
	if len(before) > len(now) {
		if _, err := t.exec(ctx, `DELETE FROM matches WHERE image = $1 AND place >= $2`, image, len(now)); err != nil {
			return err
		}
	}
	account, err := t.owner(ctx, image)
	if err != nil {
		return err
	}
	var rows [][]any
	names := map[int64][]string{}
	for place, m := range now {
		if place >= len(before) || before[place] != m {
			names[m.vulnerability] = namesOf(all[place])
			rows = append(rows, []any{image, place, m.vulnerability, m.pkg, m.detail, account})
		}
	}
	err = t.insertMany(ctx, Table{Name: "matches", Columns: []string{"image", "place", "vulnerability", "package", "detail", "account"}},
		` ON CONFLICT (image, place) DO UPDATE SET vulnerability = excluded.vulnerability, package = excluded.package, detail = excluded.detail, account = excluded.account`,
		rows, nil)
	if err != nil {
		return fmt.Errorf("write matches: %w", err)
	}
	if err := t.name(ctx, vulnerabilityNames, account, names); err != nil {
		return fmt.Errorf("name vulnerabilities: %w", err)
	}
	return nil
}

// ReportedOn is the evidence that an image's report rests on; ErrNone where there is none yet.
func (t *Tx) ReportedOn(ctx context.Context, image int64) (string, error) {
	var evidence string
	err := t.one(ctx, `SELECT evidence FROM reports WHERE image = $1`, []any{image}, []any{&evidence})
	return evidence, err
}

// CountMatches is how many matches an image's report has.
func (t *Tx) CountMatches(ctx context.Context, image int64) (n int, err error) {
	err = t.one(ctx, `SELECT count(*) FROM matches WHERE image = $1`, []any{image}, []any{&n})
	return n, err
}

// Report is an image's matches as SetReport took them; ErrNone where there are none yet.
func (t *Tx) Report(ctx context.Context, image int64) (Report, error) {
	all := []report.Vulnerability{}
	r, err := t.EachMatch(ctx, image, func(v report.Vulnerability) { all = append(all, v) })
	r.Matches.Vulnerabilities = all
	return r, err
}

// EachMatch visits what Report gives one by one; the report that it gives has none of them.
func (t *Tx) EachMatch(ctx context.Context, image int64, visit func(report.Vulnerability)) (Report, error) {
	var r Report
	var head string
	var created int64
	err := t.one(ctx, `SELECT evidence, head, created_at FROM reports WHERE image = $1`, []any{image}, []any{&r.Evidence, &head, &created})
	if err != nil {
		return r, err
	}
	r.CreatedAt = fromMicros(created)
	if err := json.Unmarshal([]byte(head), &r.Matches); err != nil {
		return r, fmt.Errorf("read report: %w", err)
	}
	return r, t.each(ctx, `SELECT v.body, m.detail FROM matches m JOIN vulnerabilities v ON v.id = m.vulnerability
		WHERE m.image = $1 ORDER BY m.place`, []any{image}, func(rows *sql.Rows) error {
		var body, own string
		if err := rows.Scan(&body, &own); err != nil {
			return err
		}
		var v report.Vulnerability
		var d detail
		if err := errors.Join(json.Unmarshal([]byte(body), &v), json.Unmarshal([]byte(own), &d)); err != nil {
			return fmt.Errorf("read match: %w", err)
		}
		v.Package, v.Evidence, v.Detected = d.Package, d.Evidence, d.Detected
		if v.Detected.IsZero() {
			v.Detected = r.CreatedAt
		}
		visit(v)
		return nil
	})
}
