package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	_ "github.com/glebarez/go-sqlite"  // registers "sqlite"
	_ "github.com/jackc/pgx/v5/stdlib" // registers "pgx"
)

// place is a store that is measured, and the same database for plain inserts.
type place struct {
	name         string
	data         string // folder of the server
	url          string // of the store; "" is SQLite in the folder
	driver, dsn  string
	schemaClosed func() error
}

func sqlitePlace(b *bench) *place {
	file := filepath.Join(b.dir, "plain.db")
	return &place{
		name: "SQLite", data: filepath.Join(b.dir, "sqlite"), driver: "sqlite",
		dsn:          "file:" + file + "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate",
		schemaClosed: func() error { return nil },
	}
}

// postgresPlace makes a schema, which close drops.
func postgresPlace(ctx context.Context, b *bench, server string) (*place, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, fmt.Errorf("%s is no URL", PostgresVariable)
	}
	db, err := sql.Open("pgx", server)
	if err != nil {
		return nil, err
	}
	schema := "bench_" + strings.ToLower(rand.Text())
	if _, err := db.ExecContext(ctx, `CREATE SCHEMA `+schema); err != nil {
		return nil, fmt.Errorf("make a schema: %w", err)
	}
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return &place{
		name: "PostgreSQL", data: filepath.Join(b.dir, "postgresql"), url: u.String(), driver: "pgx", dsn: u.String(),
		schemaClosed: func() error {
			_, err := db.Exec(`DROP SCHEMA ` + schema + ` CASCADE`)
			db.Close()
			return err
		},
	}, nil
}

func (p *place) close() {
	if err := p.schemaClosed(); err != nil {
		say("drop the schema: %v", err)
	}
}

// insert writes the rows of so many images, one transaction each, into tables
// without an index: the least that keeping them can cost.
func (p *place) insert(ctx context.Context, o options, images int) (rate, error) {
	db, err := sql.Open(p.driver, p.dsn)
	if err != nil {
		return rate{}, err
	}
	defer db.Close()
	for _, statement := range []string{
		`DROP TABLE IF EXISTS plain_packages`, `DROP TABLE IF EXISTS plain_images`,
		`CREATE TABLE plain_images (id bigint, digest text, tag text, at bigint)`,
		`CREATE TABLE plain_packages (image bigint, name text, version text, type text, purl text)`,
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return rate{}, err
		}
	}
	began := time.Now()
	for n := range images {
		if err := insertImage(ctx, db, n, o.packages); err != nil {
			return rate{}, err
		}
	}
	return rate{images: images, wall: time.Since(began)}, nil
}

func insertImage(ctx context.Context, db *sql.DB, n, packages int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	_, err = tx.ExecContext(ctx, `INSERT INTO plain_images VALUES ($1, $2, $3, $4)`, n, digest("image", fmt.Sprint(n)), fmt.Sprintf("service:v%d", n), n)
	if err != nil {
		return err
	}
	row, err := tx.PrepareContext(ctx, `INSERT INTO plain_packages VALUES ($1, $2, $3, $4, $5)`)
	if err != nil {
		return err
	}
	defer row.Close()
	for i := range packages {
		name := fmt.Sprintf("program-%d", (n*131+i*17)%programs)
		if _, err := row.ExecContext(ctx, n, name, "1.0.0", "npm", "pkg:npm/"+name+"@1.0.0"); err != nil {
			return err
		}
	}
	return tx.Commit()
}
