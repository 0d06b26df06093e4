package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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

// SetReport replaces an image's matches. packages are the row numbers of its
// packages by Package.Hash.
func (t *Tx) SetReport(ctx context.Context, image int64, r Report, packages map[string]int64) error {
	if err := t.setDetected(ctx, image, r); err != nil {
		return fmt.Errorf("read the report from before: %w", err)
	}
	if err := t.clearReport(ctx, image); err != nil {
		return fmt.Errorf("replace report: %w", err)
	}
	head := r.Matches
	head.Vulnerabilities = nil
	_, err := t.exec(ctx, `INSERT INTO reports (image, evidence, db_digest, head, created_at) VALUES ($1, $2, $3, $4, $5)`,
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
	return t.insertMatches(ctx, image, r.Matches.Vulnerabilities, hashes, ids, packages)
}

// setDetected says of each match since when it is known: from the report before, or
// from this one on.
func (t *Tx) setDetected(ctx context.Context, image int64, r Report) error {
	before, err := t.Report(ctx, image)
	if err != nil && !errors.Is(err, ErrNone) {
		return err
	}
	since := map[string]time.Time{}
	key := func(v report.Vulnerability) string {
		return strings.Join([]string{v.ID, v.Namespace, v.Package.Type, v.Package.Name, v.Package.Version}, "\x00")
	}
	for _, v := range before.Matches.Vulnerabilities {
		since[key(v)] = v.Detected
	}
	for n := range r.Matches.Vulnerabilities {
		v := &r.Matches.Vulnerabilities[n]
		if v.Detected = since[key(*v)]; v.Detected.IsZero() {
			v.Detected = r.CreatedAt
		}
	}
	return nil
}

func (t *Tx) clearReport(ctx context.Context, image int64) error {
	if _, err := t.exec(ctx, `DELETE FROM matches WHERE image = $1`, image); err != nil {
		return err
	}
	_, err := t.exec(ctx, `DELETE FROM reports WHERE image = $1`, image)
	return err
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
	known := maps.Clone(ids)
	err = t.insertMissing(ctx, "vulnerabilities", `INSERT INTO vulnerabilities (id, hash, name, namespace, severity, fix_state, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (hash) DO UPDATE SET hash = excluded.hash RETURNING id`, distinct, ids,
		func(h string) []any {
			v := all[place[h]]
			return []any{v.ID, v.Namespace, v.Severity, v.FixState, bodies[place[h]]}
		})
	if err != nil {
		return nil, nil, err
	}
	for h, id := range ids {
		if _, ok := known[h]; ok {
			continue
		}
		if err := t.nameVulnerability(ctx, id, all[place[h]]); err != nil {
			return nil, nil, err
		}
	}
	return hashes, ids, nil
}

func (t *Tx) insertMatches(ctx context.Context, image int64, all []report.Vulnerability, hashes []string, ids, packages map[string]int64) error {
	account, err := t.owner(ctx, image)
	if err != nil {
		return err
	}
	insert, err := t.q.PrepareContext(ctx, `INSERT INTO matches (image, place, vulnerability, package, detail, account) VALUES ($1, $2, $3, $4, $5, $6)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	for i, v := range all {
		p := v.Package
		var pkg any
		if id, ok := packages[Package{Type: p.Type, Name: p.Name, Version: p.Version, PURL: p.PURL}.Hash()]; ok {
			pkg = id
		}
		if _, err := insert.ExecContext(ctx, image, i, ids[hashes[i]], pkg, asJSON(detail{p, v.Evidence, v.Detected}), account); err != nil {
			return fmt.Errorf("write match %d: %w", i, err)
		}
	}
	return nil
}

// Report is an image's matches as SetReport took them; ErrNone where there are none yet.
func (t *Tx) Report(ctx context.Context, image int64) (Report, error) {
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
	r.Matches.Vulnerabilities = []report.Vulnerability{}
	err = t.each(ctx, `SELECT v.body, m.detail FROM matches m JOIN vulnerabilities v ON v.id = m.vulnerability
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
		r.Matches.Vulnerabilities = append(r.Matches.Vulnerabilities, v)
		return nil
	})
	return r, err
}
