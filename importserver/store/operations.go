package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Operation is an import under way.
type Operation struct {
	ID        string
	Account   string
	Status    string // wire.OperationPending and so on
	CreatedAt time.Time
	UpdatedAt time.Time
	ExpiresAt time.Time
}

const operationColumns = `id, account, status, created_at, updated_at, expires_at`

func scanOperation(row scanner) (Operation, error) {
	var o Operation
	var created, updated, expires int64
	err := row.Scan(&o.ID, &o.Account, &o.Status, &created, &updated, &expires)
	o.CreatedAt, o.UpdatedAt, o.ExpiresAt = fromMicros(created), fromMicros(updated), fromMicros(expires)
	return o, err
}

// InsertOperation begins an import.
func (t *Tx) InsertOperation(ctx context.Context, o Operation) error {
	_, err := t.exec(ctx, `INSERT INTO operations (id, account, status, created_at, updated_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6)`,
		o.ID, o.Account, o.Status, micros(o.CreatedAt), micros(o.UpdatedAt), micros(o.ExpiresAt))
	return err
}

// Operation is an account's import; ErrNone where it has none of that id.
func (t *Tx) Operation(ctx context.Context, account, id string) (Operation, error) {
	return scanOperation(t.row(ctx, t.kept(`SELECT `+operationColumns+` FROM operations WHERE account = $1 AND id = $2`), account, id))
}

// Operations are an account's newest imports, at most limit.
func (t *Tx) Operations(ctx context.Context, account string, limit int) ([]Operation, error) {
	var all []Operation
	err := t.each(ctx, `SELECT `+operationColumns+` FROM operations WHERE account = $1
		ORDER BY created_at DESC, id LIMIT $2`, []any{account, limit}, func(rows *sql.Rows) error {
		o, err := scanOperation(rows)
		all = append(all, o)
		return err
	})
	return all, err
}

// OpenOperations counts an account's imports of a status that have not expired. In
// a transaction that begins one, no other does so meanwhile.
func (t *Tx) OpenOperations(ctx context.Context, account, status string, now time.Time) (n int, err error) {
	if err := t.alone(ctx, "operations", account); err != nil {
		return 0, err
	}
	err = t.one(ctx, `SELECT COUNT(*) FROM operations WHERE account = $1 AND status = $2 AND expires_at > $3`,
		[]any{account, status, micros(now)}, []any{&n})
	return n, err
}

// OpenBytes is how many bytes an account's imports of a status have received that have
// not expired. In a transaction that adds some, no other does so meanwhile.
func (t *Tx) OpenBytes(ctx context.Context, account, status string, now time.Time) (n int64, err error) {
	if err := t.alone(ctx, "operations", account); err != nil {
		return 0, err
	}
	err = t.one(ctx, `SELECT COALESCE(SUM(p.size), 0) FROM operations o JOIN operation_parts p ON p.operation = o.id
		WHERE o.account = $1 AND o.status = $2 AND o.expires_at > $3`, []any{account, status, micros(now)}, []any{&n})
	return n, err
}

// MoveOperation takes an import from one status to another, if it still has the
// first. It tells whether it had.
func (t *Tx) MoveOperation(ctx context.Context, id, from, to string, at time.Time) (bool, error) {
	n, err := t.exec(ctx, `UPDATE operations SET status = $3, updated_at = $4 WHERE id = $1 AND status = $2`,
		id, from, to, micros(at))
	return n > 0, err
}

// DropOperations removes imports that ended before ended, or expired before now.
func (t *Tx) DropOperations(ctx context.Context, pending string, ended, now time.Time) (int64, error) {
	return t.exec(ctx, `DELETE FROM operations WHERE (status <> $1 AND updated_at < $2) OR expires_at < $3`,
		pending, micros(ended), micros(now))
}

// AddOperationPart records an upload. The same bytes again are the same record,
// which is returned. fault.Unavailable says that the blob
// is not there any more.
func (t *Tx) AddOperationPart(ctx context.Context, operation string, p Part) (Part, error) {
	if err := t.useBlobs(ctx, []Part{p}); err != nil {
		return p, err
	}
	var created int64
	err := t.one(ctx, `INSERT INTO operation_parts (operation, kind, digest, size, media_type, created_at)
		VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (operation, kind, digest) DO UPDATE SET media_type = excluded.media_type
		RETURNING created_at`,
		[]any{operation, p.Kind, p.Digest, p.Size, p.MediaType, micros(p.CreatedAt)}, []any{&created})
	if err != nil {
		return p, fmt.Errorf("record the upload of %s: %w", p.Kind, err)
	}
	p.CreatedAt = fromMicros(created)
	return p, nil
}

// OperationParts are an import's uploads, oldest first.
func (t *Tx) OperationParts(ctx context.Context, operation string) ([]Part, error) {
	var parts []Part
	err := t.each(ctx, `SELECT p.kind, p.digest, b.generation, p.size, p.media_type, p.created_at
		FROM operation_parts p JOIN blobs b ON b.digest = p.digest
		WHERE p.operation = $1 ORDER BY p.created_at, p.kind, p.digest`, []any{operation}, func(rows *sql.Rows) error {
		var p Part
		var created int64
		err := rows.Scan(&p.Kind, &p.Digest, &p.Generation, &p.Size, &p.MediaType, &created)
		p.CreatedAt = fromMicros(created)
		parts = append(parts, p)
		return err
	})
	return parts, err
}
