package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// User is somebody who signs in.
type User struct {
	Name       string
	Account    string // that he belongs to
	Password   string // hashed; "" where there is none
	PasswordAt time.Time
	Epoch      int64 // what was handed out at another one is void
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// InsertUser adds a user, and tells whether there was none of that name.
func (t *Tx) InsertUser(ctx context.Context, u User) (bool, error) {
	n, err := t.exec(ctx, `INSERT INTO users (name, account, password, password_at, epoch, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`,
		u.Name, u.Account, u.Password, micros(u.PasswordAt), u.Epoch, micros(u.CreatedAt), micros(u.UpdatedAt))
	return n > 0, err
}

// SetPassword changes a user's password, "" being none, and voids all that was
// handed out for the old one.
func (t *Tx) SetPassword(ctx context.Context, name, hash string, at time.Time) error {
	n, err := t.exec(ctx, `UPDATE users SET password = $2, password_at = $3, updated_at = $3, epoch = epoch + 1 WHERE name = $1`, name, hash, micros(at))
	return touched(n, err, "set the password of %s", name)
}

// DeleteUser deletes a user with his keys, tokens and roles.
func (t *Tx) DeleteUser(ctx context.Context, name string) error {
	n, err := t.exec(ctx, `DELETE FROM users WHERE name = $1`, name)
	return touched(n, err, "delete user %s", name)
}

const userColumns = `name, account, password, password_at, epoch, created_at, updated_at`

// User is the user of a name; ErrNone where there is none.
func (t *Tx) User(ctx context.Context, name string) (User, error) {
	return scanUser(func(into ...any) error {
		return t.one(ctx, t.kept(`SELECT `+userColumns+` FROM users WHERE name = $1`), []any{name}, into)
	})
}

// Users are the users of an account, "" being all accounts, by name.
func (t *Tx) Users(ctx context.Context, account string) ([]User, error) {
	query, args := `SELECT `+userColumns+` FROM users`, []any(nil)
	if account != "" {
		query, args = query+` WHERE account = $1`, []any{account}
	}
	var all []User
	err := t.each(ctx, query+` ORDER BY name`, args, func(rows *sql.Rows) error {
		u, err := scanUser(rows.Scan)
		all = append(all, u)
		return err
	})
	return all, err
}

// CountUsers is how many users an account has. In a transaction, others wait who want to
// know.
func (t *Tx) CountUsers(ctx context.Context, account string) (n int, err error) {
	if err := t.alone(ctx, "users", account); err != nil {
		return 0, err
	}
	err = t.one(ctx, `SELECT count(*) FROM users WHERE account = $1`, []any{account}, []any{&n})
	return n, err
}

func scanUser(scan func(...any) error) (User, error) {
	var u User
	var set, created, updated int64
	err := scan(&u.Name, &u.Account, &u.Password, &set, &u.Epoch, &created, &updated)
	u.PasswordAt, u.CreatedAt, u.UpdatedAt = fromMicros(set), fromMicros(created), fromMicros(updated)
	return u, err
}

// Member is what a user may do in an account.
type Member struct {
	User      string
	Account   string
	Role      string
	Granter   string
	CreatedAt time.Time
}

// PutMember gives a user a role in an account, instead of the one he has there.
func (t *Tx) PutMember(ctx context.Context, m Member) error {
	_, err := t.exec(ctx, `INSERT INTO members (username, account, role, granter, created_at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (username, account) DO UPDATE SET role = excluded.role, granter = excluded.granter, created_at = excluded.created_at`,
		m.User, m.Account, m.Role, m.Granter, micros(m.CreatedAt))
	return err
}

// DeleteMember takes a role from a user; ErrNone where he does not have it.
func (t *Tx) DeleteMember(ctx context.Context, user, account, role string) error {
	n, err := t.exec(ctx, `DELETE FROM members WHERE username = $1 AND account = $2 AND role = $3`, user, account, role)
	if err == nil && n == 0 {
		err = ErrNone
	}
	return err
}

// Members are the roles of a user, or in an account, or both; "" is any.
func (t *Tx) Members(ctx context.Context, user, account string) ([]Member, error) {
	query, args, word := `SELECT username, account, role, granter, created_at FROM members`, []any(nil), ` WHERE `
	for _, c := range []struct{ column, value string }{{"username", user}, {"account", account}} {
		if c.value != "" {
			args = append(args, c.value)
			query += fmt.Sprintf(`%s%s = $%d`, word, c.column, len(args))
			word = ` AND `
		}
	}
	var all []Member
	err := t.each(ctx, query+` ORDER BY account, username`, args, func(rows *sql.Rows) error {
		var m Member
		var created int64
		err := rows.Scan(&m.User, &m.Account, &m.Role, &m.Granter, &created)
		m.CreatedAt = fromMicros(created)
		all = append(all, m)
		return err
	})
	return all, err
}

// Key is an API key: it acts as its user.
type Key struct {
	ID          string // stands in the key itself
	User        string
	Name        string
	Description string
	Digest      string // of the key
	Revoked     bool
	ExpiresAt   time.Time
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// InsertKey adds a key, and tells whether its user had none of that name.
func (t *Tx) InsertKey(ctx context.Context, k Key) (bool, error) {
	n, err := t.exec(ctx, `INSERT INTO api_keys (id, username, name, description, digest, revoked, expires_at, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
		k.ID, k.User, k.Name, k.Description, k.Digest, number(k.Revoked), micros(k.ExpiresAt), micros(k.CreatedAt), micros(k.UpdatedAt))
	return n > 0, err
}

// UpdateKey writes a key's name and description, and revokes it: for good. It
// tells whether no other key of the user has the name.
func (t *Tx) UpdateKey(ctx context.Context, k Key) (bool, error) {
	n, err := t.exec(ctx, `UPDATE api_keys SET name = $2, description = $3, revoked = CASE WHEN revoked = 1 THEN 1 ELSE $4 END, updated_at = $5 WHERE id = $1
		AND NOT EXISTS (SELECT 1 FROM api_keys o WHERE o.username = $6 AND o.name = $2 AND o.id <> $1)`,
		k.ID, k.Name, k.Description, number(k.Revoked), micros(k.UpdatedAt), k.User)
	return n > 0, err
}

// DeleteKey deletes a key.
func (t *Tx) DeleteKey(ctx context.Context, id string) error {
	n, err := t.exec(ctx, `DELETE FROM api_keys WHERE id = $1`, id)
	return touched(n, err, "delete API key %s", id)
}

const keyColumns = `id, username, name, description, digest, revoked, expires_at, created_at, updated_at`

// KeyByID is the key of an id; ErrNone where there is none.
func (t *Tx) KeyByID(ctx context.Context, id string) (Key, error) {
	return scanKey(func(into ...any) error {
		return t.one(ctx, t.kept(`SELECT `+keyColumns+` FROM api_keys WHERE id = $1`), []any{id}, into)
	})
}

// Keys are a user's keys, by name.
func (t *Tx) Keys(ctx context.Context, user string) ([]Key, error) {
	var all []Key
	err := t.each(ctx, `SELECT `+keyColumns+` FROM api_keys WHERE username = $1 ORDER BY name`, []any{user}, func(rows *sql.Rows) error {
		k, err := scanKey(rows.Scan)
		all = append(all, k)
		return err
	})
	return all, err
}

func scanKey(scan func(...any) error) (Key, error) {
	var k Key
	var revoked, expires, created, updated int64
	err := scan(&k.ID, &k.User, &k.Name, &k.Description, &k.Digest, &revoked, &expires, &created, &updated)
	k.Revoked = revoked == 1
	k.ExpiresAt, k.CreatedAt, k.UpdatedAt = fromMicros(expires), fromMicros(created), fromMicros(updated)
	return k, err
}

// Token is what a user was handed out for his password.
type Token struct {
	Digest    string
	User      string
	Kind      string // access, refresh
	Epoch     int64  // his then
	ExpiresAt time.Time
}

// InsertToken adds a token.
func (t *Tx) InsertToken(ctx context.Context, k Token) error {
	_, err := t.exec(ctx, `INSERT INTO tokens (digest, username, kind, epoch, expires_at) VALUES ($1, $2, $3, $4, $5)`,
		k.Digest, k.User, k.Kind, k.Epoch, micros(k.ExpiresAt))
	return err
}

// Token is the token of a digest; ErrNone where there is none.
func (t *Tx) Token(ctx context.Context, digest string) (Token, error) {
	k := Token{Digest: digest}
	var expires int64
	err := t.one(ctx, `SELECT username, kind, epoch, expires_at FROM tokens WHERE digest = $1`, []any{digest}, []any{&k.User, &k.Kind, &k.Epoch, &expires})
	k.ExpiresAt = fromMicros(expires)
	return k, err
}

// DeleteToken deletes a user's token, and tells whether it was there.
func (t *Tx) DeleteToken(ctx context.Context, user, digest string) (bool, error) {
	n, err := t.exec(ctx, `DELETE FROM tokens WHERE digest = $1 AND username = $2`, digest, user)
	return n > 0, err
}

// KeepTokens keeps so many tokens of a kind of a user's beside a new one: those that
// live longest.
func (t *Tx) KeepTokens(ctx context.Context, user, kind, newest string, most int) error {
	_, err := t.exec(ctx, `DELETE FROM tokens WHERE username = $1 AND kind = $2 AND digest <> $3 AND digest NOT IN (
			SELECT digest FROM tokens WHERE username = $1 AND kind = $2 AND digest <> $3 ORDER BY expires_at DESC LIMIT $4)`, user, kind, newest, most)
	return err
}

// DropTokens deletes the tokens that have expired.
func (t *Tx) DropTokens(ctx context.Context, now time.Time) error {
	_, err := t.exec(ctx, `DELETE FROM tokens WHERE expires_at <= $1`, micros(now))
	return err
}
