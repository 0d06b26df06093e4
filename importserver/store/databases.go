package store

import (
	"context"
	"errors"
	"time"
)

// Database is a vulnerability database that was published to all processes.
type Database struct {
	Digest      string // its identity, as reports have it
	Archive     string // digest of the blob that it can be imported from
	Generation  string // of the blob
	Size        int64  // of the archive, bytes
	BuiltAt     time.Time
	Source      string // where the archive came from
	PublishedAt time.Time
	Publisher   string // a process
}

// PublishDatabase makes a database the one that all processes match with. The blob of
// its archive has been kept; fault.Unavailable says that it is not there any more.
func (t *Tx) PublishDatabase(ctx context.Context, d Database) error {
	if err := t.useBlobs(ctx, []Part{{Digest: d.Archive, Generation: d.Generation}}); err != nil {
		return err
	}
	_, err := t.exec(ctx, `INSERT INTO vulnerability_databases (digest, archive, size, built_at, source, published_at, publisher)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (digest) DO UPDATE SET archive = excluded.archive, size = excluded.size, source = excluded.source,
			published_at = excluded.published_at, publisher = excluded.publisher`,
		d.Digest, d.Archive, d.Size, micros(d.BuiltAt), d.Source, micros(d.PublishedAt), d.Publisher)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, `DELETE FROM vulnerability_databases WHERE digest <> $1`, d.Digest)
	return err
}

// PublishedDatabase is the published database; ErrNone where there is none yet.
func (t *Tx) PublishedDatabase(ctx context.Context) (Database, error) {
	var d Database
	var built, published int64
	err := t.one(ctx, `SELECT d.digest, d.archive, b.generation, d.size, d.built_at, d.source, d.published_at, d.publisher
		FROM vulnerability_databases d JOIN blobs b ON b.digest = d.archive ORDER BY d.published_at DESC, d.digest LIMIT 1`, nil,
		[]any{&d.Digest, &d.Archive, &d.Generation, &d.Size, &built, &d.Source, &published, &d.Publisher})
	d.BuiltAt, d.PublishedAt = fromMicros(built), fromMicros(published)
	return d, err
}

// MatchedWith is the digest of the database that an image's report was made with, and
// whether there is a report.
func (t *Tx) MatchedWith(ctx context.Context, image int64) (digest string, ok bool, err error) {
	err = t.one(ctx, `SELECT db_digest FROM reports WHERE image = $1`, []any{image}, []any{&digest})
	if errors.Is(err, ErrNone) {
		return "", false, nil
	}
	return digest, err == nil, err
}
