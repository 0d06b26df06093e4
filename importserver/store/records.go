package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// recordedSteps is how many of an image's newest steps are rendered.
const recordedSteps = 100

// Rendered is what is shown of an image.
type Rendered struct {
	Record    []byte   // by lists of images
	Reference []byte   // by answers that name images, among other things
	Tags      [][]byte // by lists of tags: one for each tag, in their order
}

// Renderer makes of an image what is shown of it.
type Renderer func(Image, []Tag, []Transition) (Rendered, error)

// Rendering has each transaction that changes an image render it anew. It is set
// before anything is written. Images that were never rendered are so at once.
func (s *Store) Rendering(ctx context.Context, r Renderer) error {
	s.render = r
	for {
		left := 0
		err := s.InTx(ctx, func(tx *Tx) error {
			return tx.each(ctx, `SELECT i.id FROM images i LEFT JOIN image_records r ON r.image = i.id WHERE r.image IS NULL LIMIT 500`, nil, func(rows *sql.Rows) error {
				var id int64
				err := rows.Scan(&id)
				tx.changes(id)
				left++
				return err
			})
		})
		if err != nil || left == 0 {
			return err
		}
	}
}

// changes notes that a transaction changes what is shown of an image.
func (t *Tx) changes(image int64) {
	if t.changed != nil {
		t.changed[image] = true
	}
}

// renderChanged writes what is shown of the images that the transaction changed.
func (t *Tx) renderChanged(ctx context.Context, render Renderer) error {
	for id := range t.changed {
		i, err := t.ImageByID(ctx, id)
		if errors.Is(err, ErrNone) {
			continue // deleted, and its record with it
		}
		if err != nil {
			return err
		}
		tags, err := t.Tags(ctx, id)
		if err != nil {
			return err
		}
		steps, err := t.Transitions(ctx, id, recordedSteps)
		if err != nil {
			return err
		}
		r, err := render(i, tags, steps)
		if err != nil {
			return fmt.Errorf("render image %s: %w", i.Digest, err)
		}
		_, err = t.exec(ctx, `INSERT INTO image_records (image, account, created_at, status, analyzed_at, body) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (image) DO UPDATE SET status = excluded.status, analyzed_at = excluded.analyzed_at, body = excluded.body`,
			id, i.Account, micros(i.CreatedAt), i.Status, micros(i.AnalyzedAt), string(r.Record))
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, `INSERT INTO image_references (image, body) VALUES ($1, $2) ON CONFLICT (image) DO UPDATE SET body = excluded.body`,
			id, string(r.Reference))
		if err != nil {
			return err
		}
		for n, g := range tags {
			_, err := t.exec(ctx, `UPDATE tags SET summary = $5 WHERE image = $1 AND registry = $2 AND repository = $3 AND tag = $4`,
				id, g.Registry, g.Repository, g.Tag, string(r.Tags[n]))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// RecordQuery chooses images of a list; zero fields choose all.
type RecordQuery struct {
	Status        string
	AnalyzedSince time.Time
}

// recordsAtOnce is how many records one statement reads: no statement stays open
// for as long as a client takes to read its answer.
const recordsAtOnce = 200

// Records visits what is shown of an account's images, newest first. The bytes are
// visit's during the call only.
func (t *Tx) Records(ctx context.Context, account string, q RecordQuery, visit func(body []byte) error) error {
	created, image := int64(1)<<62, int64(1)<<62
	var page []byte
	var ends []int
	for {
		query := `SELECT image, created_at, body FROM image_records WHERE account = $1 AND (created_at, image) < ($2, $3)`
		args := []any{account, created, image}
		if q.Status != "" {
			args = append(args, q.Status)
			query += fmt.Sprintf(` AND status = $%d`, len(args))
		}
		if !q.AnalyzedSince.IsZero() {
			args = append(args, micros(q.AnalyzedSince))
			query += fmt.Sprintf(` AND analyzed_at >= $%d`, len(args))
		}
		args = append(args, recordsAtOnce)
		query += fmt.Sprintf(` ORDER BY created_at DESC, image DESC LIMIT $%d`, len(args))
		page, ends = page[:0], ends[:0]
		err := t.each(ctx, query, args, func(rows *sql.Rows) error {
			var body sql.RawBytes
			err := rows.Scan(&image, &created, &body)
			page = append(page, body...)
			ends = append(ends, len(page))
			return err
		})
		if err != nil {
			return err
		}
		from := 0
		for _, to := range ends {
			if err := visit(page[from:to]); err != nil {
				return err
			}
			from = to
		}
		if len(ends) < recordsAtOnce {
			return nil
		}
	}
}

// references gives visit what is shown of images, a number of them at a time. The
// bytes are visit's for good.
func (t *Tx) references(ctx context.Context, images []int64, visit func(image int64, reference []byte)) error {
	var all []byte
	return t.inChunks(ctx, `SELECT image, body FROM image_references WHERE image IN (%s)`, nil, images, func(rows *sql.Rows) error {
		var image int64
		var body sql.RawBytes
		err := rows.Scan(&image, &body)
		all = append(all, body...)
		visit(image, all[len(all)-len(body):])
		return err
	})
}
