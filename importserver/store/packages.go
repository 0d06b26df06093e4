package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strings"
)

// Package is a distinct package: one row, whatever the number of images that
// have it.
type Package struct {
	Type    string // syft's
	Name    string
	Version string
	PURL    string
}

// Hash identifies the package across images.
func (p Package) Hash() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{p.Type, p.Name, p.Version, p.PURL}, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// chunk is how many rows one statement looks up.
const chunk = 200

// SetPackages replaces the packages that an image has, and gives their row
// numbers by Hash.
func (t *Tx) SetPackages(ctx context.Context, image int64, packages []Package) (map[string]int64, error) {
	byHash := make(map[string]Package, len(packages))
	hashes := make([]string, 0, len(packages))
	for _, p := range packages {
		h := p.Hash()
		if _, ok := byHash[h]; !ok {
			hashes = append(hashes, h)
		}
		byHash[h] = p
	}
	ids, err := t.known(ctx, "packages", hashes)
	if err != nil {
		return nil, fmt.Errorf("look up packages: %w", err)
	}
	err = t.insertMissing(ctx, "packages", `INSERT INTO packages (id, hash, type, name, version, purl) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (hash) DO UPDATE SET hash = excluded.hash RETURNING id`, hashes, ids,
		func(h string) []any {
			p := byHash[h]
			return []any{p.Type, p.Name, p.Version, p.PURL}
		})
	if err != nil {
		return nil, fmt.Errorf("add packages: %w", err)
	}
	return ids, t.link(ctx, image, hashes, ids)
}

func (t *Tx) link(ctx context.Context, image int64, hashes []string, ids map[string]int64) error {
	if _, err := t.exec(ctx, `DELETE FROM image_packages WHERE image = $1`, image); err != nil {
		return err
	}
	account, err := t.owner(ctx, image)
	if err != nil {
		return err
	}
	insert, err := t.q.PrepareContext(ctx, `INSERT INTO image_packages (image, package, account) VALUES ($1, $2, $3)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	for _, h := range hashes {
		if _, err := insert.ExecContext(ctx, image, ids[h], account); err != nil {
			return fmt.Errorf("link packages: %w", err)
		}
	}
	return nil
}

// owner is the account that has an image.
func (t *Tx) owner(ctx context.Context, image int64) (string, error) {
	var account string
	err := t.one(ctx, `SELECT account FROM images WHERE id = $1`, []any{image}, []any{&account})
	return account, err
}

// known are the row numbers of those hashes that a table has already.
func (t *Tx) known(ctx context.Context, table string, hashes []string) (map[string]int64, error) {
	ids := make(map[string]int64, len(hashes))
	for start := 0; start < len(hashes); start += chunk {
		part := hashes[start:min(start+chunk, len(hashes))]
		args, marks := make([]any, len(part)), make([]string, len(part))
		for i, h := range part {
			args[i], marks[i] = h, fmt.Sprintf("$%d", i+1)
		}
		err := t.each(ctx, `SELECT hash, id FROM `+table+` WHERE hash IN (`+strings.Join(marks, ", ")+`)`, args,
			func(rows *sql.Rows) error {
				var h string
				var id int64
				err := rows.Scan(&h, &id)
				ids[h] = id
				return err
			})
		if err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// insertMissing adds the rows whose hash has no number yet.
func (t *Tx) insertMissing(ctx context.Context, table, insert string, hashes []string, ids map[string]int64, values func(hash string) []any) error {
	missing := 0
	for _, h := range hashes {
		if _, ok := ids[h]; !ok {
			missing++
		}
	}
	if missing == 0 {
		return nil
	}
	next, err := t.take(ctx, table, missing)
	if err != nil {
		return err
	}
	stmt, err := t.q.PrepareContext(ctx, insert)
	if err != nil {
		return err
	}
	defer stmt.Close()
	for _, h := range hashes {
		if _, ok := ids[h]; ok {
			continue
		}
		var id int64
		if err := stmt.QueryRowContext(ctx, append([]any{next, h}, values(h)...)...).Scan(&id); err != nil {
			return err
		}
		ids[h] = id
		next++
	}
	return nil
}

// PackageTypes are the types of an image's packages, sorted.
func (t *Tx) PackageTypes(ctx context.Context, image int64) ([]string, error) {
	var types []string
	err := t.each(ctx, `SELECT DISTINCT p.type FROM image_packages l JOIN packages p ON p.id = l.package
		WHERE l.image = $1 ORDER BY p.type`, []any{image}, func(rows *sql.Rows) error {
		var s string
		err := rows.Scan(&s)
		types = append(types, s)
		return err
	})
	return types, err
}

// DropUnused removes packages and vulnerabilities that no image has.
func (t *Tx) DropUnused(ctx context.Context) (int64, error) {
	n, err := t.exec(ctx, `DELETE FROM vulnerabilities
		WHERE NOT EXISTS (SELECT 1 FROM matches m WHERE m.vulnerability = vulnerabilities.id)`)
	if err != nil {
		return n, err
	}
	m, err := t.exec(ctx, `DELETE FROM packages
		WHERE NOT EXISTS (SELECT 1 FROM image_packages l WHERE l.package = packages.id)
		AND NOT EXISTS (SELECT 1 FROM matches m WHERE m.package = packages.id)`)
	return n + m, err
}

// PackageIDs are the row numbers of an image's packages, by Package.Hash.
func (t *Tx) PackageIDs(ctx context.Context, image int64) (map[string]int64, error) {
	ids := map[string]int64{}
	err := t.each(ctx, `SELECT p.hash, p.id FROM image_packages l JOIN packages p ON p.id = l.package WHERE l.image = $1`, []any{image},
		func(rows *sql.Rows) error {
			var h string
			var id int64
			err := rows.Scan(&h, &id)
			ids[h] = id
			return err
		})
	return ids, err
}
