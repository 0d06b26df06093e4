package store

import (
	"context"
	"database/sql"
	"time"
)

// Part is one piece of evidence: its bytes lie in the blob of its digest.
type Part struct {
	Kind      string
	Digest    string
	Size      int64 // unpacked
	MediaType string
	CreatedAt time.Time // of an upload
}

// TouchBlob announces that a blob is about to be written or used, so that it is
// not taken for rubbish meanwhile.
func (t *Tx) TouchBlob(ctx context.Context, digest string, size int64, at time.Time) error {
	_, err := t.exec(ctx, `INSERT INTO blobs (digest, size, touched_at) VALUES ($1, $2, $3)
		ON CONFLICT (digest) DO UPDATE SET touched_at = excluded.touched_at`, digest, size, micros(at))
	return err
}

const unreferenced = `touched_at < $1
	AND NOT EXISTS (SELECT 1 FROM image_parts p WHERE p.digest = blobs.digest)
	AND NOT EXISTS (SELECT 1 FROM operation_parts p WHERE p.digest = blobs.digest)`

// Rubbish are the digests of up to limit blobs that nothing refers to and that
// were not touched since.
func (t *Tx) Rubbish(ctx context.Context, since time.Time, limit int) ([]string, error) {
	var digests []string
	err := t.each(ctx, `SELECT digest FROM blobs WHERE `+unreferenced+` LIMIT $2`, []any{micros(since), limit},
		func(rows *sql.Rows) error {
			var d string
			err := rows.Scan(&d)
			digests = append(digests, d)
			return err
		})
	return digests, err
}

// ForgetBlob removes a blob's row if it is rubbish still, and tells whether it
// was. The blob itself is to be removed before the transaction ends: whoever
// brings the same bytes waits for that, and writes them again.
func (t *Tx) ForgetBlob(ctx context.Context, digest string, since time.Time) (bool, error) {
	n, err := t.exec(ctx, `DELETE FROM blobs WHERE `+unreferenced+` AND digest = $2`, micros(since), digest)
	return n > 0, err
}

// SetParts replaces an image's evidence.
func (t *Tx) SetParts(ctx context.Context, image int64, parts []Part) error {
	if _, err := t.exec(ctx, `DELETE FROM image_parts WHERE image = $1`, image); err != nil {
		return err
	}
	for _, p := range parts {
		_, err := t.exec(ctx, `INSERT INTO image_parts (image, kind, digest, size, media_type) VALUES ($1, $2, $3, $4, $5)`,
			image, p.Kind, p.Digest, p.Size, p.MediaType)
		if err != nil {
			return err
		}
	}
	return nil
}

// Parts are an image's evidence.
func (t *Tx) Parts(ctx context.Context, image int64) ([]Part, error) {
	var parts []Part
	err := t.each(ctx, `SELECT kind, digest, size, media_type FROM image_parts WHERE image = $1 ORDER BY kind`, []any{image},
		func(rows *sql.Rows) error {
			var p Part
			err := rows.Scan(&p.Kind, &p.Digest, &p.Size, &p.MediaType)
			parts = append(parts, p)
			return err
		})
	return parts, err
}
