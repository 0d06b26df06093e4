package store

import (
	"context"
	"database/sql"
	"time"
)

// Part is one piece of evidence: its bytes lie in the blob of its digest.
type Part struct {
	Kind       string
	Digest     string
	Generation string // of the blob
	Size       int64  // unpacked
	MediaType  string
	CreatedAt  time.Time // of an upload
}

// SetParts replaces an image's evidence. fault.Unavailable says that a blob is not
// there any more.
func (t *Tx) SetParts(ctx context.Context, image int64, parts []Part) error {
	if _, err := t.exec(ctx, `DELETE FROM image_parts WHERE image = $1`, image); err != nil {
		return err
	}
	if err := t.useBlobs(ctx, parts); err != nil {
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
	err := t.each(ctx, `SELECT p.kind, p.digest, b.generation, p.size, p.media_type
		FROM image_parts p JOIN blobs b ON b.digest = p.digest WHERE p.image = $1 ORDER BY p.kind`, []any{image},
		func(rows *sql.Rows) error {
			var p Part
			err := rows.Scan(&p.Kind, &p.Digest, &p.Generation, &p.Size, &p.MediaType)
			parts = append(parts, p)
			return err
		})
	return parts, err
}
