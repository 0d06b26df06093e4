package store

import (
	"context"
	"database/sql"
	"time"
)

// Process is a server or a worker that uses the store.
type Process struct {
	Name      string // unique, and the worker's name of its leases
	Kind      string // wire.ProcessServer or wire.ProcessWorker
	Host      string
	PID       int
	Version   string
	Capacity  int    // images worked on at once
	Database  string // digest of the vulnerability database that it matches with
	Message   string // why it takes no work; "" where it does
	StartedAt time.Time
	BeatAt    time.Time // when it last showed that it lives
	DownAt    time.Time // when it was found to be silent; zero while it is not
}

const processColumns = `name, kind, host, pid, version, capacity, vulndb, message, started_at, beat_at, down_at`

func scanProcess(row scanner) (Process, error) {
	var p Process
	var started, beat, down int64
	err := row.Scan(&p.Name, &p.Kind, &p.Host, &p.PID, &p.Version, &p.Capacity, &p.Database, &p.Message, &started, &beat, &down)
	p.StartedAt, p.BeatAt, p.DownAt = fromMicros(started), fromMicros(beat), fromMicros(down)
	return p, err
}

// BeatProcess writes a process's row as it is now: that it lives, and how.
func (t *Tx) BeatProcess(ctx context.Context, p Process) error {
	_, err := t.exec(ctx, `INSERT INTO processes (`+processColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0)
		ON CONFLICT (name) DO UPDATE SET capacity = excluded.capacity, vulndb = excluded.vulndb, message = excluded.message,
			beat_at = excluded.beat_at, down_at = 0`,
		p.Name, p.Kind, p.Host, p.PID, p.Version, p.Capacity, p.Database, p.Message, micros(p.StartedAt), micros(p.BeatAt))
	return err
}

// Processes are all that are known, by their names.
func (t *Tx) Processes(ctx context.Context) ([]Process, error) {
	return t.processes(ctx, `SELECT `+processColumns+` FROM processes ORDER BY name`)
}

// SilentProcesses marks those that were last heard of before a time as down, and
// gives those that were not so marked yet.
func (t *Tx) SilentProcesses(ctx context.Context, since, now time.Time) ([]Process, error) {
	return t.processes(ctx, `UPDATE processes SET down_at = $2 WHERE beat_at < $1 AND down_at = 0 RETURNING `+processColumns,
		micros(since), micros(now))
}

func (t *Tx) processes(ctx context.Context, query string, args ...any) ([]Process, error) {
	var all []Process
	err := t.each(ctx, query, args, func(rows *sql.Rows) error {
		p, err := scanProcess(rows)
		all = append(all, p)
		return err
	})
	return all, err
}

// DropProcess forgets a process.
func (t *Tx) DropProcess(ctx context.Context, name string) error {
	_, err := t.exec(ctx, `DELETE FROM processes WHERE name = $1`, name)
	return err
}

// DropProcesses forgets those that were last heard of before a time, and gives them.
func (t *Tx) DropProcesses(ctx context.Context, since time.Time) ([]Process, error) {
	return t.processes(ctx, `DELETE FROM processes WHERE beat_at < $1 RETURNING `+processColumns, micros(since))
}

// Task is an item that a process works on, and the image that it is about.
type Task struct {
	Work
	Digest string
}

// Tasks is what all processes work on, by the image.
func (t *Tx) Tasks(ctx context.Context) ([]Task, error) {
	var all []Task
	err := t.each(ctx, `SELECT w.worker, w.account, i.digest, w.stage, w.attempts, w.progress, w.expires_at
		FROM work w JOIN images i ON i.id = w.image WHERE w.token <> '' ORDER BY w.image`, nil, func(rows *sql.Rows) error {
		var a Task
		var expires int64
		err := rows.Scan(&a.Worker, &a.Account, &a.Digest, &a.Stage, &a.Attempts, &a.Progress, &expires)
		a.ExpiresAt = fromMicros(expires)
		all = append(all, a)
		return err
	})
	return all, err
}
