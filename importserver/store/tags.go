package store

import (
	"context"
	"database/sql"
	"time"
)

// Tag is a name that an image has, or had.
type Tag struct {
	Image      int64
	Account    string
	Registry   string
	Repository string
	Tag        string
	CreatedAt  time.Time // orders the images of a tag: the newest is what the tag means
	DetectedAt time.Time

	rendered bool // what lists show of it is written
}

// PutTag writes a tag of an image; one that the image has already gets new times.
func (t *Tx) PutTag(ctx context.Context, g Tag) error {
	t.changes(g.Image)
	_, err := t.exec(ctx, `INSERT INTO tags (image, account, registry, repository, tag, created_at, detected_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (image, registry, repository, tag)
		DO UPDATE SET created_at = excluded.created_at, detected_at = excluded.detected_at, summary = ''`,
		g.Image, g.Account, g.Registry, g.Repository, g.Tag, micros(g.CreatedAt), micros(g.DetectedAt))
	return err
}

// Newest is the newest row of an account's tag; ErrNone where nothing has it.
func (t *Tx) Newest(ctx context.Context, account, registry, repository, tag string) (Tag, error) {
	g := Tag{Account: account, Registry: registry, Repository: repository, Tag: tag}
	var created, detected int64
	err := t.one(ctx, `SELECT image, created_at, detected_at FROM tags
		WHERE account = $1 AND registry = $2 AND repository = $3 AND tag = $4
		ORDER BY created_at DESC, image DESC LIMIT 1`,
		[]any{account, registry, repository, tag}, []any{&g.Image, &created, &detected})
	g.CreatedAt, g.DetectedAt = fromMicros(created), fromMicros(detected)
	return g, err
}

// HasTag tells whether a tag meant an image at some time.
func (t *Tx) HasTag(ctx context.Context, image int64, registry, repository, tag string) (bool, error) {
	n := 0
	err := t.one(ctx, `SELECT count(*) FROM tags WHERE image = $1 AND registry = $2 AND repository = $3 AND tag = $4`,
		[]any{image, registry, repository, tag}, []any{&n})
	return n > 0, err
}

// CountTags is how many tags an image has, and had.
func (t *Tx) CountTags(ctx context.Context, image int64) (n int, err error) {
	err = t.one(ctx, `SELECT count(*) FROM tags WHERE image = $1`, []any{image}, []any{&n})
	return n, err
}

// Meaning are those of an image's tags that mean it now, newest first.
func (t *Tx) Meaning(ctx context.Context, image int64) ([]Tag, error) {
	return t.tags(ctx, `SELECT `+tagColumns+` FROM tags t WHERE image = $1 AND tag <> '' AND NOT EXISTS (SELECT 1 FROM tags o
			WHERE o.account = t.account AND o.registry = t.registry AND o.repository = t.repository AND o.tag = t.tag
			AND (o.created_at, o.image) > (t.created_at, t.image))
		ORDER BY created_at DESC, registry, repository, tag`, image)
}

const tagColumns = `image, account, registry, repository, tag, created_at, detected_at, CASE WHEN summary <> '' THEN 1 ELSE 0 END`

// Tags are the tags of one image, newest first.
func (t *Tx) Tags(ctx context.Context, image int64) ([]Tag, error) {
	return t.tags(ctx, `SELECT `+tagColumns+` FROM tags WHERE image = $1
		ORDER BY created_at DESC, registry, repository, tag`, image)
}

func (t *Tx) tags(ctx context.Context, query string, arg any) ([]Tag, error) {
	var all []Tag
	err := t.each(ctx, query, []any{arg}, func(rows *sql.Rows) error {
		g, err := scanTag(rows)
		all = append(all, g)
		return err
	})
	return all, err
}

func scanTag(row scanner) (Tag, error) {
	var g Tag
	var created, detected, rendered int64
	err := row.Scan(&g.Image, &g.Account, &g.Registry, &g.Repository, &g.Tag, &created, &detected, &rendered)
	g.CreatedAt, g.DetectedAt, g.rendered = fromMicros(created), fromMicros(detected), rendered != 0
	return g, err
}
