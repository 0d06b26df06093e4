package store

import (
	"context"
	"database/sql"
	"time"
)

// Subscription is what an account wants to be told of.
type Subscription struct {
	Account   string
	ID        string
	Key       string // a full tag, or a repository
	Type      string
	Value     *string
	Active    bool
	Asked     bool // for itself, or given a value: it did not just come with a tag
	CreatedAt time.Time
	UpdatedAt time.Time
}

// InsertSubscription adds a subscription, and tells whether it was not there yet.
func (t *Tx) InsertSubscription(ctx context.Context, s Subscription) (bool, error) {
	n, err := t.exec(ctx, `INSERT INTO subscriptions (account, id, key, type, value, active, asked, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
		s.Account, s.ID, s.Key, s.Type, s.Value, number(s.Active), number(s.Asked), micros(s.CreatedAt), micros(s.UpdatedAt))
	return n > 0, err
}

// UpdateSubscription writes the value of a subscription, and whether it is active and
// asked for.
func (t *Tx) UpdateSubscription(ctx context.Context, s Subscription) error {
	n, err := t.exec(ctx, `UPDATE subscriptions SET value = $3, active = $4, asked = $5, updated_at = $6 WHERE account = $1 AND id = $2`,
		s.Account, s.ID, s.Value, number(s.Active), number(s.Asked), micros(s.UpdatedAt))
	return touched(n, err, "update subscription %s", s.ID)
}

// DeactivateSubscriptions makes all of an account's subscriptions of a key inactive.
func (t *Tx) DeactivateSubscriptions(ctx context.Context, account, key string, at time.Time) error {
	_, err := t.exec(ctx, `UPDATE subscriptions SET active = 0, updated_at = $3 WHERE account = $1 AND key = $2 AND active = 1`,
		account, key, micros(at))
	return err
}

// DeleteSubscription deletes a subscription; ErrNone where the account has none
// of that id.
func (t *Tx) DeleteSubscription(ctx context.Context, account, id string) error {
	n, err := t.exec(ctx, `DELETE FROM subscriptions WHERE account = $1 AND id = $2`, account, id)
	if err == nil && n == 0 {
		err = ErrNone
	}
	return err
}

const subscriptionColumns = `account, id, key, type, value, active, asked, created_at, updated_at`

// Subscription is one subscription; ErrNone where the account has none of that id.
func (t *Tx) Subscription(ctx context.Context, account, id string) (Subscription, error) {
	return scanSubscription(func(into ...any) error {
		return t.one(ctx, t.kept(`SELECT `+subscriptionColumns+` FROM subscriptions WHERE account = $1 AND id = $2`), []any{account, id}, into)
	})
}

// Subscriptions are an account's subscriptions of a key and a type, "" being any,
// by key and type.
func (t *Tx) Subscriptions(ctx context.Context, account, key, kind string) ([]Subscription, error) {
	query, args := `SELECT `+subscriptionColumns+` FROM subscriptions WHERE account = $1`, []any{account}
	if key != "" {
		query, args = query+` AND key = $2`, append(args, key)
	}
	if kind != "" {
		if key == "" {
			query += ` AND type = $2`
		} else {
			query += ` AND type = $3`
		}
		args = append(args, kind)
	}
	var all []Subscription
	err := t.each(ctx, query+` ORDER BY key, type`, args, func(rows *sql.Rows) error {
		s, err := scanSubscription(rows.Scan)
		all = append(all, s)
		return err
	})
	return all, err
}

// AskedSubscriptions are how many subscriptions of an account were asked for, and the
// bytes of their values together. In a transaction, others wait who want to know.
func (t *Tx) AskedSubscriptions(ctx context.Context, account string) (n int, size int64, err error) {
	if err := t.alone(ctx, "subscriptions", account); err != nil {
		return 0, 0, err
	}
	err = t.one(ctx, `SELECT count(*), coalesce(sum(octet_length(value)), 0) FROM subscriptions WHERE account = $1 AND asked = 1`, []any{account}, []any{&n, &size})
	return n, size, err
}

func scanSubscription(scan func(...any) error) (Subscription, error) {
	var s Subscription
	var active, asked, created, updated int64
	err := scan(&s.Account, &s.ID, &s.Key, &s.Type, &s.Value, &active, &asked, &created, &updated)
	s.Active, s.Asked = active != 0, asked != 0
	s.CreatedAt, s.UpdatedAt = fromMicros(created), fromMicros(updated)
	return s, err
}

// number is a truth value as rows have it.
func number(b bool) int {
	if b {
		return 1
	}
	return 0
}
