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
}

// PutTag writes a tag of an image; one that the image has already gets new times.
func (t *Tx) PutTag(ctx context.Context, g Tag) error {
	t.changes(g.Image)
	_, err := t.exec(ctx, `INSERT INTO tags (image, account, registry, repository, tag, created_at, detected_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (image, registry, repository, tag)
		DO UPDATE SET created_at = excluded.created_at, detected_at = excluded.detected_at`,
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

const tagColumns = `image, account, registry, repository, tag, created_at, detected_at`

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
	var created, detected int64
	err := row.Scan(&g.Image, &g.Account, &g.Registry, &g.Repository, &g.Tag, &created, &detected)
	g.CreatedAt, g.DetectedAt = fromMicros(created), fromMicros(detected)
	return g, err
}
