package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Event is something that happened, of which an account may know.
type Event struct {
	ID           string // PutEvent gives it
	Account      string
	At           time.Time
	Type         string
	Level        string
	ResourceType string
	ResourceID   string
	Service      string
	Host         string
	Request      string // the request that it came of; "" where it came of none
	Message      string
	Details      map[string]any
}

// EventQuery chooses events. What is "" or zero chooses all.
type EventQuery struct {
	Type         string // the beginning of one; "*" stands for any text
	Level        string
	ResourceType string
	ResourceID   string
	Service      string
	Host         string
	Since        time.Time // not before it
	Before       time.Time
	Offset       int
	Limit        int
}

// PutEvent adds an event under a new id.
func (t *Tx) PutEvent(ctx context.Context, e Event) error {
	numbers, err := t.take(ctx, "events", 1)
	if err != nil {
		return err
	}
	var id [16]byte
	rand.Read(id[:])
	if e.Details == nil {
		e.Details = map[string]any{}
	}
	details, err := json.Marshal(e.Details)
	if err != nil {
		return fmt.Errorf("write event %s: %w", e.Type, err)
	}
	_, err = t.exec(ctx, `INSERT INTO events (number, id, account, at, type, level, resource_type, resource_id, service, host, request, message, details)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		numbers[0], hex.EncodeToString(id[:]), e.Account, micros(e.At), e.Type, e.Level, e.ResourceType, e.ResourceID,
		e.Service, e.Host, e.Request, e.Message, string(details))
	return err
}

const eventColumns = `id, account, at, type, level, resource_type, resource_id, service, host, request, message, details`

// Events are an account's events, newest first.
func (t *Tx) Events(ctx context.Context, account string, q EventQuery) ([]Event, error) {
	where, args := q.where(account)
	args = append(args, q.Limit, q.Offset)
	var all []Event
	err := t.each(ctx, fmt.Sprintf(`SELECT `+eventColumns+` FROM events WHERE %s ORDER BY number DESC LIMIT $%d OFFSET $%d`,
		where, len(args)-1, len(args)), args, func(rows *sql.Rows) error {
		e, err := scanEvent(rows.Scan)
		all = append(all, e)
		return err
	})
	return all, err
}

// Event is one event of an account; ErrNone where it has none of that id.
func (t *Tx) Event(ctx context.Context, account, id string) (Event, error) {
	e, err := scanEvent(func(into ...any) error {
		return t.one(ctx, `SELECT `+eventColumns+` FROM events WHERE id = $1 AND account = $2`, []any{id, account}, into)
	})
	return e, err
}

func scanEvent(scan func(...any) error) (Event, error) {
	var e Event
	var at int64
	var details string
	err := scan(&e.ID, &e.Account, &at, &e.Type, &e.Level, &e.ResourceType, &e.ResourceID, &e.Service, &e.Host, &e.Request, &e.Message, &details)
	if err != nil {
		return e, err
	}
	e.At = fromMicros(at)
	return e, json.Unmarshal([]byte(details), &e.Details)
}

// DeleteEvents deletes at most q.Limit of the events that q chooses, the oldest
// first, and gives their ids.
func (t *Tx) DeleteEvents(ctx context.Context, account string, q EventQuery) ([]string, error) {
	where, args := q.where(account)
	args = append(args, q.Limit)
	var ids []string
	err := t.each(ctx, fmt.Sprintf(`DELETE FROM events WHERE number IN (
			SELECT number FROM events WHERE %s ORDER BY number LIMIT $%d) RETURNING id`, where, len(args)), args, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// DeleteEvent deletes one event; ErrNone where the account has none of that id.
func (t *Tx) DeleteEvent(ctx context.Context, account, id string) error {
	n, err := t.exec(ctx, `DELETE FROM events WHERE id = $1 AND account = $2`, id, account)
	if err == nil && n == 0 {
		err = ErrNone
	}
	return err
}

// DropEvents deletes all accounts' events from before a time, and tells how many.
func (t *Tx) DropEvents(ctx context.Context, before time.Time) (int64, error) {
	return t.exec(ctx, `DELETE FROM events WHERE at < $1`, micros(before))
}

// Crowded are the accounts that have more than so many events.
func (t *Tx) Crowded(ctx context.Context, events int) ([]string, error) {
	var accounts []string
	err := t.each(ctx, `SELECT account FROM events GROUP BY account HAVING COUNT(*) > $1`, []any{events}, func(rows *sql.Rows) error {
		var a string
		err := rows.Scan(&a)
		accounts = append(accounts, a)
		return err
	})
	return accounts, err
}

// KeepEvents deletes all but an account's newest events, and tells how many.
func (t *Tx) KeepEvents(ctx context.Context, account string, newest int) (int64, error) {
	return t.exec(ctx, `DELETE FROM events WHERE account = $1 AND number <= (
		SELECT number FROM events WHERE account = $1 ORDER BY number DESC LIMIT 1 OFFSET $2)`, account, newest)
}

// where is the condition that q makes, with its parameters.
func (q EventQuery) where(account string) (string, []any) {
	text, args := []string{"account = $1"}, []any{account}
	add := func(condition string, value any) {
		args = append(args, value)
		text = append(text, fmt.Sprintf(condition, len(args)))
	}
	for _, c := range []struct{ column, value string }{
		{"level", q.Level}, {"resource_type", q.ResourceType}, {"resource_id", q.ResourceID},
		{"service", q.Service}, {"host", q.Host},
	} {
		if c.value != "" {
			add(c.column+" = $%d", c.value)
		}
	}
	if q.Type != "" {
		add(`lower(type) LIKE lower($%d) ESCAPE '\'`, strings.NewReplacer(`\`, `\\`, "_", `\_`, "%", `\%`, "*", "%").Replace(q.Type)+"%")
	}
	if !q.Since.IsZero() {
		add("at >= $%d", micros(q.Since))
	}
	if !q.Before.IsZero() {
		add("at < $%d", micros(q.Before))
	}
	return strings.Join(text, " AND "), args
}
