package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tidepole/tidepole/formats/fault"
)

// PostgreSQL's error codes that are told apart here (its manual, appendix A).
const (
	pgForeignKey     = "23503" // a row that is referred to is gone
	pgUnique         = "23505" // a row of that key is there
	pgReadOnly       = "25006" // the server became a standby
	pgSerialization  = "40001"
	pgDeadlock       = "40P01"
	pgBadPassword    = "28P01"
	pgNotAdmitted    = "28000"
	pgNoDatabase     = "3D000"
	pgNoSchema       = "3F000" // none of the search path's is there
	pgForbidden      = "42501"
	pgDiskFull       = "53100"
	pgTooManyConns   = "53300"
	pgLimitOfMemory  = "53200"
	pgLockTimeout    = "55P03"
	pgCanceled       = "57014" // by statement_timeout: what the context ends is its error
	pgShutdown       = "57P01"
	pgCrash          = "57P02"
	pgNotYet         = "57P03" // it is starting, or stopping
	pgIdleTimeout    = "57P05"
	pgIdleInTx       = "25P03"
	pgConnectionsEnd = "08" // a class
)

func codeOf(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// gotInBetween tells that the server undid a transaction because of another one.
func gotInBetween(err error) bool {
	code := codeOf(err)
	return code == pgSerialization || code == pgDeadlock
}

// lost tells that the connection to the server is gone, or the server is.
func lost(err error) bool {
	switch code := codeOf(err); code {
	case "":
	case pgShutdown, pgCrash, pgNotYet, pgTooManyConns, pgReadOnly, pgIdleTimeout, pgIdleInTx:
		return true
	default:
		return strings.HasPrefix(code, pgConnectionsEnd)
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return true // also where it was the time to connect that was over
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var network net.Error
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, pgconn.ErrConnClosed) || errors.As(err, &network)
}

// mayTryAgain also takes rows that another transaction made, or deleted, after this
// one had looked: the next attempt sees that. A few attempts tell those from rows
// that really cannot be written.
func mayTryAgain(err error, attempt int) bool {
	switch codeOf(err) {
	case pgUnique, pgForeignKey:
		return attempt < 4
	}
	return gotInBetween(err) || lost(err)
}

// explainPostgres makes a fault of what the database's operator can mend. It is read
// by clients, too: where the server is, is not told.
func explainPostgres(err error) error {
	if err == nil || fault.Of(err) != fault.Internal {
		return err
	}
	unavailable := func(message, hint string) error {
		return &fault.Fault{Kind: fault.Unavailable, Message: message, Hint: hint, Err: err}
	}
	switch code := codeOf(err); {
	case code == pgDiskFull:
		return unavailable("write to the store: the disk of the database is full", "free space on the disk of the PostgreSQL server")
	case code == pgLimitOfMemory:
		return unavailable("use the store: the database has no memory left", "try again later")
	case code == pgTooManyConns:
		return unavailable("use the store: the database has too many connections", "raise max_connections of PostgreSQL, or give each process fewer with pool_max_conns in its URL")
	case code == pgCanceled && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded), code == pgLockTimeout:
		return unavailable("use the store: the database took too long", "try again later")
	case code == pgForbidden:
		return unavailable("use the store: the database's user may not do what is needed"+reason(err),
			"let the user in the URL of the store own the tables and their schema, as in: GRANT ALL ON SCHEMA public TO NAME; or give it a database of its own: createdb --owner=NAME")
	case gotInBetween(err):
		return unavailable("write to the store: others wrote the same at the same time, again and again", "try again")
	case lost(err):
		return unavailable("use the store: the database does not answer"+reason(err), "try again later")
	}
	return err
}

// reason is why a connection ended, without where it led.
func reason(err error) string {
	var pg *pgconn.PgError
	var system syscall.Errno
	switch {
	case errors.As(err, &pg):
		return " (" + pg.Message + ")"
	case errors.As(err, &system):
		return " (" + system.Error() + ")"
	}
	return ""
}

// unopened is why a database cannot be used, for whoever starts the program: with
// all of the URL that is not secret.
func unopened(config *pgx.ConnConfig, err error) error {
	name := fmt.Sprintf("open the PostgreSQL database %s at %s:%d as %s", config.Database, config.Host, config.Port, config.User)
	if kind := fault.Of(err); kind != fault.Internal {
		return fault.New(kind, "%s: %w", name, err)
	}
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		var connect *pgconn.ConnectError
		if errors.As(err, &connect) {
			err = errors.Unwrap(connect)
		}
		why, _, _ := strings.Cut(err.Error(), "\n") // of several addresses, and with and without TLS
		return fault.New(fault.Unavailable, "%s: %s", name, why).
			WithHint("see whether PostgreSQL runs there and listens, and whether its URL is right")
	}
	kind, hint := fault.Unavailable, "see the log of the PostgreSQL server"
	switch pg.Code {
	case pgBadPassword, pgNotAdmitted:
		kind, hint = fault.Denied, "see whether the user and the password in the URL are right, and whether pg_hba.conf admits them"
	case pgNoDatabase:
		kind, hint = fault.NotFound, "make it with: createdb --encoding=UTF8 --template=template0 --owner="+config.User+" "+config.Database
	case pgTooManyConns:
		hint = "raise max_connections of PostgreSQL, or give each process fewer with pool_max_conns in its URL"
	case pgNotYet:
		hint = "it is starting or stopping: try again soon"
	case pgForbidden:
		kind, hint = fault.Forbidden, "grant the user what is missing"
	}
	return fault.New(kind, "%s: %s", name, pg.Message).WithHint("%s", hint)
}
