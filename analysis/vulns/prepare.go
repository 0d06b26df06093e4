package vulns

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	v6 "github.com/anchore/grype/grype/db/v6"

	"github.com/tidepole/tidepole/formats/fault"
)

// prepare checks that a folder holds a database that can be used, gives it the
// indexes that archives come without, and describes it.
func prepare(ctx context.Context, dir string) (record, error) {
	file := filepath.Join(dir, v6.VulnerabilityDBFileName)
	if err := checkLength(file); err != nil {
		return record{}, err
	}
	rec, err := describe(dir)
	if err != nil {
		return record{}, fault.New(fault.Unsupported, "it is not a grype database of schema %d: %w", v6.ModelVersion, err).WithHint(archiveHint)
	}
	if rec.Records, err = inspect(ctx, file); err != nil {
		return record{}, fault.New(fault.Invalid, "the database is damaged: %w", err).WithHint("fetch it again")
	}
	if err := v6.Hydrater()(dir); err != nil {
		return record{}, fmt.Errorf("index the database: %w", err)
	}
	if ctx.Err() != nil {
		return record{}, context.Cause(ctx)
	}
	info, err := os.Stat(file)
	if err != nil {
		return record{}, err
	}
	rec.Size = info.Size()
	return rec, syncPath(file)
}

// checkLength compares a file with the number of pages that its header names.
// The header's format is SQLite's (fileformat2.html, 1.3).
func checkLength(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	var h [100]byte
	if _, err := io.ReadFull(f, h[:]); err != nil {
		return damaged(err)
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	size := int64(binary.BigEndian.Uint16(h[16:]))
	if size == 1 {
		size = 65536
	}
	pages := int64(binary.BigEndian.Uint32(h[28:]))
	valid := binary.BigEndian.Uint32(h[24:]) == binary.BigEndian.Uint32(h[92:])
	if valid && pages > 0 && pages*size > info.Size() {
		return damaged(io.ErrUnexpectedEOF)
	}
	return nil
}

// describe reads a database's schema version and time of building.
func describe(dir string) (record, error) {
	r, err := v6.NewReader(v6.Config{DBDirPath: dir})
	if err != nil {
		return record{}, err
	}
	defer r.Close()
	m, err := r.GetDBMetadata()
	if err != nil {
		return record{}, err
	}
	if m.BuildTimestamp == nil {
		return record{}, errors.New("it does not say when it was built")
	}
	var rec record
	rec.Present = true
	rec.SchemaVersion = schemaVersion(m.Model, m.Revision, m.Addition)
	rec.Built = m.BuildTimestamp.UTC().Round(time.Second)
	return rec, nil
}

func schemaVersion(model, revision, addition int) string {
	return fmt.Sprintf("v%d.%d.%d", model, revision, addition)
}

// inspect checks a database's pages and counts its vulnerabilities. The driver
// "sqlite" is the one that grype registers.
func inspect(ctx context.Context, file string) (records int64, err error) {
	db, err := sql.Open("sqlite", "file:"+file+"?mode=ro&immutable=1")
	if err != nil {
		return 0, err
	}
	defer db.Close()
	var verdict string
	if err := db.QueryRowContext(ctx, `pragma quick_check(1)`).Scan(&verdict); err != nil {
		return 0, err
	}
	if verdict != "ok" {
		return 0, errors.New(verdict)
	}
	return records, db.QueryRowContext(ctx, `select count(*) from vulnerability_handles`).Scan(&records)
}
