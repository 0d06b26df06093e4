package store

import (
	"context"
	"database/sql"
	"time"
)

// Registry is what an account has stored for a registry, or for some of its
// repositories.
type Registry struct {
	Account   string
	Registry  string // a host, host/repository, or the beginning of one and "*"
	Name      string
	Type      string
	User      string
	Secret    string // sealed
	Verify    bool   // the registry's certificate
	FailedAt  time.Time
	CreatedAt time.Time
	UpdatedAt time.Time
}

// InsertRegistry adds a registry, and tells whether it was not there yet.
func (t *Tx) InsertRegistry(ctx context.Context, r Registry) (bool, error) {
	n, err := t.exec(ctx, `INSERT INTO registries (account, registry, name, type, username, secret, verify, failed_at, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`,
		r.Account, r.Registry, r.Name, r.Type, r.User, r.Secret, number(r.Verify), micros(r.FailedAt), micros(r.CreatedAt), micros(r.UpdatedAt))
	return n > 0, err
}

// UpdateRegistry writes all of a registry but when it was added.
func (t *Tx) UpdateRegistry(ctx context.Context, r Registry) error {
	n, err := t.exec(ctx, `UPDATE registries SET name = $3, type = $4, username = $5, secret = $6, verify = $7, failed_at = $8, updated_at = $9
		WHERE account = $1 AND registry = $2`,
		r.Account, r.Registry, r.Name, r.Type, r.User, r.Secret, number(r.Verify), micros(r.FailedAt), micros(r.UpdatedAt))
	return touched(n, err, "update registry %s", r.Registry)
}

// MarkRegistry writes when a registry refused the login, unless that was changed
// meanwhile.
func (t *Tx) MarkRegistry(ctx context.Context, r Registry, at time.Time) error {
	_, err := t.exec(ctx, `UPDATE registries SET failed_at = $4 WHERE account = $1 AND registry = $2 AND secret = $3`,
		r.Account, r.Registry, r.Secret, micros(at))
	return err
}

// DeleteRegistry deletes a registry; ErrNone where the account has none of that name.
func (t *Tx) DeleteRegistry(ctx context.Context, account, registry string) error {
	n, err := t.exec(ctx, `DELETE FROM registries WHERE account = $1 AND registry = $2`, account, registry)
	if err == nil && n == 0 {
		err = ErrNone
	}
	return err
}

const registryColumns = `account, registry, name, type, username, secret, verify, failed_at, created_at, updated_at`

// Registry is one registry; ErrNone where the account has none of that name.
func (t *Tx) Registry(ctx context.Context, account, registry string) (Registry, error) {
	return scanRegistry(func(into ...any) error {
		return t.one(ctx, t.kept(`SELECT `+registryColumns+` FROM registries WHERE account = $1 AND registry = $2`), []any{account, registry}, into)
	})
}

// Registries are an account's registries, those with the longest names first.
func (t *Tx) Registries(ctx context.Context, account string) ([]Registry, error) {
	var all []Registry
	err := t.each(ctx, `SELECT `+registryColumns+` FROM registries WHERE account = $1
		ORDER BY length(registry) DESC, registry`, []any{account}, func(rows *sql.Rows) error {
		r, err := scanRegistry(rows.Scan)
		all = append(all, r)
		return err
	})
	return all, err
}

// SomeRegistry is a login that any account has stored; ErrNone where there is none.
func (t *Tx) SomeRegistry(ctx context.Context) (Registry, error) {
	return scanRegistry(func(into ...any) error {
		return t.one(ctx, `SELECT `+registryColumns+` FROM registries LIMIT 1`, nil, into)
	})
}

func scanRegistry(scan func(...any) error) (Registry, error) {
	var r Registry
	var verify, failed, created, updated int64
	err := scan(&r.Account, &r.Registry, &r.Name, &r.Type, &r.User, &r.Secret, &verify, &failed, &created, &updated)
	r.Verify, r.FailedAt, r.CreatedAt, r.UpdatedAt = verify != 0, fromMicros(failed), fromMicros(created), fromMicros(updated)
	return r, err
}
