package store

import (
	"context"
	"database/sql"
	"time"
)

// Account is whose images, policies and all else are.
type Account struct {
	Name      string
	Email     string
	Type      string // admin, user
	State     string // enabled, disabled, deleting
	CreatedAt time.Time
	UpdatedAt time.Time
}

// InsertAccount adds an account, and tells whether it was not there yet.
func (t *Tx) InsertAccount(ctx context.Context, a Account) (bool, error) {
	n, err := t.exec(ctx, `INSERT INTO accounts (name, email, type, state, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
		a.Name, a.Email, a.Type, a.State, micros(a.CreatedAt), micros(a.UpdatedAt))
	return n > 0, err
}

// UpdateAccount writes an account's address and state.
func (t *Tx) UpdateAccount(ctx context.Context, a Account) error {
	n, err := t.exec(ctx, `UPDATE accounts SET email = $2, state = $3, updated_at = $4 WHERE name = $1`, a.Name, a.Email, a.State, micros(a.UpdatedAt))
	return touched(n, err, "update account %s", a.Name)
}

const accountColumns = `name, email, type, state, created_at, updated_at`

// Account is the account of a name; ErrNone where there is none.
func (t *Tx) Account(ctx context.Context, name string) (Account, error) {
	return t.account(ctx, name, t.kept)
}

// Within is Account for a transaction that leaves the account's row as it is, and
// wants it to stay so: any number of them go on at the same time.
func (t *Tx) Within(ctx context.Context, name string) (Account, error) {
	return t.account(ctx, name, func(query string) string { return query + t.dialect.shareLock })
}

func (t *Tx) account(ctx context.Context, name string, locked func(string) string) (Account, error) {
	return scanAccount(func(into ...any) error {
		return t.one(ctx, locked(`SELECT `+accountColumns+` FROM accounts WHERE name = $1`), []any{name}, into)
	})
}

// Accounts are all accounts of a state, "" being any, by name.
func (t *Tx) Accounts(ctx context.Context, state string) ([]Account, error) {
	query, args := `SELECT `+accountColumns+` FROM accounts`, []any(nil)
	if state != "" {
		query, args = query+` WHERE state = $1`, []any{state}
	}
	var all []Account
	err := t.each(ctx, query+` ORDER BY name`, args, func(rows *sql.Rows) error {
		a, err := scanAccount(rows.Scan)
		all = append(all, a)
		return err
	})
	return all, err
}

func scanAccount(scan func(...any) error) (Account, error) {
	var a Account
	var created, updated int64
	err := scan(&a.Name, &a.Email, &a.Type, &a.State, &created, &updated)
	a.CreatedAt, a.UpdatedAt = fromMicros(created), fromMicros(updated)
	return a, err
}

// DeleteAccount deletes an account's row, and with it its users and all of theirs.
func (t *Tx) DeleteAccount(ctx context.Context, name string) error {
	n, err := t.exec(ctx, `DELETE FROM accounts WHERE name = $1`, name)
	return touched(n, err, "delete account %s", name)
}

// DeleteImagesOf deletes up to limit images of an account, and tells how many.
func (t *Tx) DeleteImagesOf(ctx context.Context, account string, limit int) (int64, error) {
	return t.exec(ctx, `DELETE FROM images WHERE id IN (SELECT id FROM images WHERE account = $1 LIMIT $2)`, account, limit)
}
