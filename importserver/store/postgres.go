package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/tidepole/tidepole/formats/fault"
)

const (
	postgresConns    = 16               // of one process, unless the URL says pool_max_conns
	postgresVersion  = 130000           // server_version_num of the oldest that is taken
	postgresConnect  = 10 * time.Second // the longest that a connection may take
	postgresAnswer   = 60 * time.Second // the longest that a statement may take
	postgresIdle     = 2 * time.Minute  // the longest that a transaction may do nothing
	postgresConnLife = time.Hour
)

// openPostgres connects to a PostgreSQL server. All of the URL's parameters that
// libpq knows may be given, and pool_max_conns. Tables are in the first schema of
// the search path.
func openPostgres(ctx context.Context, location string) (*Store, error) {
	config, conns, err := postgresConfig(location)
	if err != nil {
		return nil, err
	}
	quick := config.Copy()
	quick.DialFunc = impatient(quick.DialFunc)
	db := stdlib.OpenDB(*quick)
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	db.SetConnMaxIdleTime(5 * time.Minute)
	db.SetConnMaxLifetime(postgresConnLife)
	s := &Store{db: db, writing: db, dialect: dialect{
		goose: goose.DialectPostgres,
		text:  func(f fs.FS) fs.FS { return translated{f} },
		migrating: func(ctx context.Context, _ *sql.DB) (*sql.DB, func() error, error) {
			return lockTables(ctx, config)
		},
		migrated:  makeSequences,
		rowLock:   ` FOR NO KEY UPDATE`,
		shareLock: ` FOR SHARE`,
		existLock: ` FOR KEY SHARE`,
		claimLock: ` FOR NO KEY UPDATE OF w, i SKIP LOCKED`,
		alone:     lockName,
		take:      takeFromSequence,
		counted:   countSequence,
		reading:   &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
		unhurried: []string{`SET LOCAL statement_timeout = 0`, `SET LOCAL idle_in_transaction_session_timeout = 0`},
		bytes:     func(text string) string { return text },
		args:      plain,

		parameters: 2000,
		explain:    explainPostgres,
		again:      mayTryAgain,
		undone:     func(err error) bool { return gotInBetween(err) },
	}}
	schema, err := usable(ctx, db)
	if err != nil {
		return nil, errors.Join(unopened(config, err), db.Close())
	}
	s.dialect.bell = newPostgresBell(db, config, schema)
	return s, nil
}

// postgresConfig reads a URL. Its errors do not repeat it: it has a password in it.
func postgresConfig(location string) (config *pgx.ConnConfig, conns int, err error) {
	bad := fault.New(fault.Invalid, "open store: the URL of the PostgreSQL database cannot be read").
		WithHint("write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE, with %%40 for an @ in the password, and so on")
	u, err := url.Parse(location)
	if err != nil {
		return nil, 0, bad
	}
	q := u.Query()
	conns = postgresConns
	if most := q.Get("pool_max_conns"); most != "" {
		if conns, err = strconv.Atoi(most); err != nil || conns < 2 {
			return nil, 0, fault.New(fault.Invalid, "open store: pool_max_conns=%.20q: at least 2 connections are needed", most)
		}
		q.Del("pool_max_conns")
		u.RawQuery = q.Encode()
	}
	if config, err = pgx.ParseConfig(u.String()); err != nil {
		return nil, 0, bad
	}
	for name, value := range map[string]string{
		"application_name":                    "tidepole",
		"statement_timeout":                   milliseconds(postgresAnswer),
		"idle_in_transaction_session_timeout": milliseconds(postgresIdle),
	} {
		if _, given := config.RuntimeParams[name]; !given {
			config.RuntimeParams[name] = value
		}
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = postgresConnect
	}
	return config, conns, nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// usable refuses servers that cannot hold rows as they are, and gives the schema
// that the tables are in.
func usable(ctx context.Context, db *sql.DB) (schema string, err error) {
	var version int
	var encoding string
	var standby bool
	err = db.QueryRowContext(ctx, `SELECT current_setting('server_version_num')::int, current_setting('server_encoding'), pg_is_in_recovery(),
			coalesce(current_schema(), '')`).
		Scan(&version, &encoding, &standby, &schema)
	switch {
	case err != nil:
		return "", err
	case version < postgresVersion:
		return "", fault.New(fault.Unsupported, "the server is PostgreSQL %d.%d, and %d at least is needed", version/10000, version%10000, postgresVersion/10000)
	case encoding != "UTF8":
		return "", fault.New(fault.Unsupported, "the database has the encoding %s, and UTF8 is needed", encoding).
			WithHint("make it with: createdb --encoding=UTF8 --template=template0 NAME")
	case schema == "":
		return "", fault.New(fault.Unsupported, "no schema of the search path is there").
			WithHint("make one (CREATE SCHEMA), or correct search_path in the URL")
	case standby:
		return "", fault.New(fault.Unavailable, "the server is a standby, which takes no writes").
			WithHint("name the primary; with several hosts in the URL, add target_session_attrs=read-write")
	}
	return schema, nil
}

// lockTables opens connections that may take as long as a migration does, and
// waits for other processes that change the same tables.
func lockTables(ctx context.Context, config *pgx.ConnConfig) (*sql.DB, func() error, error) {
	slow := config.Copy()
	slow.RuntimeParams["statement_timeout"] = "0"
	slow.RuntimeParams["idle_in_transaction_session_timeout"] = "0"
	db := stdlib.OpenDB(*slow)
	conn, err := db.Conn(ctx)
	if err == nil {
		_, err = conn.ExecContext(ctx, `SELECT pg_advisory_lock(hashtextextended('tidepole tables of ' || coalesce(current_schema(), ''), 0))`)
	}
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, func() error { return errors.Join(conn.Close(), db.Close()) }, nil // the lock ends with its connection
}

// makeSequences makes what numbers new rows: a row that every writer counted in, as
// the other databases have it, would let one write at a time. A sequence begins
// where its row in the table ids stands, and follows it if rows were copied here.
func makeSequences(ctx context.Context, db querier) error {
	rows, err := db.QueryContext(ctx, `SELECT name, taken FROM ids`)
	if err != nil {
		return err
	}
	defer rows.Close()
	taken := map[string]int64{}
	for rows.Next() {
		var name string
		var n int64
		if err := rows.Scan(&name, &n); err != nil {
			return err
		}
		taken[name] = n
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for name, n := range taken {
		sequence := pgx.Identifier{"ids_" + name}.Sanitize()
		var next int64
		if _, err := db.ExecContext(ctx, `CREATE SEQUENCE IF NOT EXISTS `+sequence); err != nil {
			return err
		}
		err := db.QueryRowContext(ctx, `SELECT last_value + CASE WHEN is_called THEN 1 ELSE 0 END FROM `+sequence).Scan(&next)
		if err != nil {
			return err
		}
		if n+1 > next {
			if _, err := db.ExecContext(ctx, `SELECT setval($1::regclass, $2, false)`, sequence, n+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func takeFromSequence(ctx context.Context, t *Tx, name string, n int) ([]int64, error) {
	numbers := make([]int64, 0, n)
	err := t.each(ctx, `SELECT nextval($1::text::regclass) FROM generate_series(1, $2::int)`, []any{"ids_" + name, n}, func(rows *sql.Rows) error {
		var number int64
		err := rows.Scan(&number)
		numbers = append(numbers, number)
		return err
	})
	if err == nil && len(numbers) != n {
		err = fmt.Errorf("%d numbers instead of %d", len(numbers), n)
	}
	return numbers, err
}

// countSequence is the last number that was taken.
func countSequence(ctx context.Context, t *Tx, name string) (n int64, err error) {
	err = t.one(ctx, `SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM `+pgx.Identifier{"ids_" + name}.Sanitize(), nil, []any{&n})
	return n, err
}

// lockName waits for other transactions that have a lock of that name. Another name
// with the same hash only waits in vain.
func lockName(ctx context.Context, t *Tx, name string) error {
	_, err := t.exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ' ' || $1::text, 0))`, name)
	return err
}

// plain replaces what PostgreSQL's texts cannot have and strangers' may: bytes that
// are zero, and that are not UTF-8.
func plain(args []any) []any {
	for i, a := range args {
		if text, ok := a.(string); ok {
			args[i] = plainText(text)
		}
		if text, ok := a.(*string); ok && text != nil {
			args[i] = plainText(*text)
		}
	}
	return args
}

func plainText(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}
