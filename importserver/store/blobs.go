package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
)

// Blob is what names a blob in the blob store.
type Blob struct {
	Digest     string
	Generation string // 16 hex digits, or "" where it was written before there were any
}

// TouchBlob announces that a blob is about to be written or used, and gives the
// name to write it under.
//
// Blobs are shared, and any number of processes bring them, refer to them and
// collect them at the same time. That none is lost rests on three rules:
//
//   - The row comes first. A blob is written only after its row was touched, under
//     the generation that the row has, by everyone who brings it: who finds a row
//     does not rely on another having written the blob. (Keep sees by itself
//     whether there is something left to write.)
//   - A reference is made only to the generation that was written. SetParts,
//     AddOperationPart and PublishDatabase lock the row in their transaction and end
//     with fault.Unavailable where the row has gone or has come again as another
//     generation; who asked then brings the bytes once more.
//   - A generation is never used twice. GiveUpBlobs removes the rows that nothing
//     refers to and that nobody touched for a time, and notes in the same
//     transaction what is to be deleted. So a deletion, however late it reaches
//     the blob store, from whatever process, after whatever pause, meets only what
//     no row will ever name again; and a blob of whose key there is no row
//     (BlobRows) is rubbish, whatever its age.
//
// The time that a row stays after it was touched is no part of this: it spares
// work, as uploads need not be repeated.
func (t *Tx) TouchBlob(ctx context.Context, digest string, size int64, at time.Time) (Blob, error) {
	b := Blob{Digest: digest}
	var generation [8]byte
	rand.Read(generation[:])
	err := t.one(ctx, `INSERT INTO blobs (digest, generation, size, touched_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (digest) DO UPDATE SET touched_at = CASE WHEN blobs.touched_at > excluded.touched_at THEN blobs.touched_at ELSE excluded.touched_at END
		RETURNING generation`, []any{digest, hex.EncodeToString(generation[:]), size, micros(at)}, []any{&b.Generation})
	if err != nil {
		return b, fmt.Errorf("announce blob %s: %w", digest, err)
	}
	return b, nil
}

// useBlobs keeps the rows of parts' blobs from being given up until the
// transaction ends; fault.Unavailable where one has gone. Any number of
// transactions use the same blobs at once: some, as that of an empty list, are
// nearly everybody's.
func (t *Tx) useBlobs(ctx context.Context, parts []Part) error {
	for _, p := range parts {
		var size int64
		err := t.one(ctx, `SELECT size FROM blobs WHERE digest = $1 AND generation = $2`+t.dialect.existLock, []any{p.Digest, p.Generation}, []any{&size})
		if errors.Is(err, ErrNone) {
			return fault.New(fault.Unavailable, "use blob %s: it was brought too long ago and has been removed", p.Digest).
				WithHint("send it again")
		}
		if err != nil {
			return fmt.Errorf("use blob %s: %w", p.Digest, err)
		}
	}
	return nil
}

// BlobReferences are the columns that refer to blobs, by their digest.
var BlobReferences = []struct{ Table, Column string }{
	{"image_parts", "digest"}, {"operation_parts", "digest"}, {"vulnerability_databases", "archive"},
}

// GiveUpBlobs removes the rows of up to limit blobs that nothing refers to and
// that were not touched since, and notes the blobs for deletion. It removes none
// while a hold lives at the time now. It tells how many it removed.
func (t *Tx) GiveUpBlobs(ctx context.Context, since, now time.Time, limit int) (int, error) {
	// All conditions stand in the statement that deletes, so that all of them are of
	// the same moment.
	unused := func(table string) string {
		text := table + `.touched_at < $1`
		for _, r := range BlobReferences {
			text += ` AND NOT EXISTS (SELECT 1 FROM ` + r.Table + ` r WHERE r.` + r.Column + ` = ` + table + `.digest)`
		}
		return text
	}
	keys, err := t.keys(ctx, `DELETE FROM blobs WHERE `+unused("blobs")+`
		AND NOT EXISTS (SELECT 1 FROM blob_holds WHERE expires_at > $2)
		AND digest IN (SELECT b.digest FROM blobs b WHERE `+unused("b")+` ORDER BY b.digest LIMIT $3)
		RETURNING digest, generation`, micros(since), micros(now), limit)
	if err != nil {
		return 0, fmt.Errorf("give up blobs: %w", err)
	}
	for _, k := range keys {
		if _, err := t.exec(ctx, `INSERT INTO blob_deletions (digest, generation) VALUES ($1, $2)`, k.Digest, k.Generation); err != nil {
			return 0, fmt.Errorf("note the deletion of blob %s: %w", k.Digest, err)
		}
	}
	return len(keys), nil
}

// BlobDeletions are up to limit blobs that are to be deleted, in order, from the one
// after another on.
func (t *Tx) BlobDeletions(ctx context.Context, after Blob, limit int) ([]Blob, error) {
	return t.keys(ctx, `SELECT digest, generation FROM blob_deletions WHERE (digest, generation) > ($1, $2)
		ORDER BY digest, generation LIMIT $3`, after.Digest, after.Generation, limit)
}

// BlobDeleted says that a blob was deleted.
func (t *Tx) BlobDeleted(ctx context.Context, k Blob) error {
	_, err := t.exec(ctx, `DELETE FROM blob_deletions WHERE digest = $1 AND generation = $2`, k.Digest, k.Generation)
	return err
}

// BlobRows are those of keys that have a row. A blob that was listed before this
// was asked and has none is rubbish.
func (t *Tx) BlobRows(ctx context.Context, keys []Blob) (map[Blob]bool, error) {
	found := map[Blob]bool{}
	for part := range slices.Chunk(keys, chunk) {
		var marks []string
		var args []any
		for i, k := range part {
			marks = append(marks, fmt.Sprintf("$%d", i+1))
			args = append(args, k.Digest)
		}
		have, err := t.keys(ctx, `SELECT digest, generation FROM blobs WHERE digest IN (`+strings.Join(marks, ",")+`)`, args...)
		if err != nil {
			return nil, fmt.Errorf("look for the rows of blobs: %w", err)
		}
		for _, k := range have {
			found[k] = true
		}
	}
	return found, nil
}

// BlobRow is a blob that the rows know.
type BlobRow struct {
	Blob
	Size int64 // unpacked
	Used bool  // something refers to it
}

// Blobs visits all blobs that the rows know, by their digests.
func (t *Tx) Blobs(ctx context.Context, visit func(BlobRow) error) error {
	var used []string
	for _, r := range BlobReferences {
		used = append(used, `EXISTS (SELECT 1 FROM `+r.Table+` r WHERE r.`+r.Column+` = b.digest)`)
	}
	return t.each(ctx, `SELECT b.digest, b.generation, b.size, CASE WHEN `+strings.Join(used, ` OR `)+` THEN 1 ELSE 0 END FROM blobs b ORDER BY b.digest`,
		nil, func(rows *sql.Rows) error {
			var b BlobRow
			var used int
			if err := rows.Scan(&b.Digest, &b.Generation, &b.Size, &used); err != nil {
				return err
			}
			b.Used = used == 1
			return visit(b)
		})
}

// BlobUsers are the digests of up to limit images that have a blob.
func (t *Tx) BlobUsers(ctx context.Context, digest string, limit int) ([]string, error) {
	var images []string
	err := t.each(ctx, `SELECT DISTINCT i.digest FROM image_parts p JOIN images i ON i.id = p.image WHERE p.digest = $1 ORDER BY i.digest LIMIT $2`,
		[]any{digest, limit}, func(rows *sql.Rows) error {
			var image string
			err := rows.Scan(&image)
			images = append(images, image)
			return err
		})
	return images, err
}

// HoldBlobs keeps all blobs from being given up until a time. Whatever is referred
// to in a later view of the rows can then be read until then.
func (t *Tx) HoldBlobs(ctx context.Context, id string, until time.Time) error {
	_, err := t.exec(ctx, `INSERT INTO blob_holds (id, expires_at) VALUES ($1, $2)
		ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at`, id, micros(until))
	return err
}

// ReleaseBlobs ends a hold, and all that ended by themselves.
func (t *Tx) ReleaseBlobs(ctx context.Context, id string, now time.Time) error {
	_, err := t.exec(ctx, `DELETE FROM blob_holds WHERE id = $1 OR expires_at <= $2`, id, micros(now))
	return err
}

func (t *Tx) keys(ctx context.Context, query string, args ...any) ([]Blob, error) {
	var keys []Blob
	err := t.each(ctx, query, args, func(rows *sql.Rows) error {
		var k Blob
		err := rows.Scan(&k.Digest, &k.Generation)
		keys = append(keys, k)
		return err
	})
	return keys, err
}
