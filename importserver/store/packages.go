package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
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

// SetPackages replaces the packages that an image has. Those that it has already
// cost nothing.
func (t *Tx) SetPackages(ctx context.Context, image int64, packages []Package) error {
	has, err := t.PackageIDs(ctx, image)
	if err != nil {
		return fmt.Errorf("look up the image's packages: %w", err)
	}
	added := make(map[string]Package, len(packages))
	var hashes []string
	gone := maps.Clone(has)
	for _, p := range packages {
		h := p.Hash()
		delete(gone, h)
		if _, ok := has[h]; ok {
			continue
		}
		if _, ok := added[h]; !ok {
			hashes = append(hashes, h)
		}
		added[h] = p
	}
	ids, err := t.known(ctx, "packages", hashes)
	if err != nil {
		return fmt.Errorf("look up packages: %w", err)
	}
	err = t.insertMissing(ctx, Table{Name: "packages", Columns: []string{"id", "hash", "type", "name", "version", "purl"}}, hashes, ids,
		func(h string) []any {
			p := added[h]
			return []any{p.Type, p.Name, p.Version, p.PURL}
		})
	if err != nil {
		return fmt.Errorf("add packages: %w", err)
	}
	if err := t.unlink(ctx, image, slices.Sorted(maps.Values(gone))); err != nil {
		return fmt.Errorf("unlink packages: %w", err)
	}
	names := make(map[int64][]string, len(hashes))
	for _, h := range hashes {
		names[ids[h]] = []string{added[h].Name}
	}
	return t.link(ctx, image, names)
}

// link gives an image packages more, whose names are given by their rows' numbers.
func (t *Tx) link(ctx context.Context, image int64, packages map[int64][]string) error {
	if len(packages) == 0 {
		return nil
	}
	account, err := t.owner(ctx, image)
	if err != nil {
		return err
	}
	rows := make([][]any, 0, len(packages))
	for _, id := range slices.Sorted(maps.Keys(packages)) {
		rows = append(rows, []any{image, id, account})
	}
	if err := t.insertMany(ctx, Table{Name: "image_packages", Columns: []string{"image", "package", "account"}}, "", rows, nil); err != nil {
		return fmt.Errorf("link packages: %w", err)
	}
	if err := t.name(ctx, packageNames, account, packages); err != nil {
		return fmt.Errorf("name packages: %w", err)
	}
	return nil
}

func (t *Tx) unlink(ctx context.Context, image int64, packages []int64) error {
	for part := range slices.Chunk(packages, chunk) {
		if _, err := t.exec(ctx, `DELETE FROM image_packages WHERE image = $1 AND package IN (`+numbers(part)+`)`, image); err != nil {
			return err
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

// insertMissing adds the rows whose hash has no number yet. A table's first columns
// are id and hash.
func (t *Tx) insertMissing(ctx context.Context, table Table, hashes []string, ids map[string]int64, values func(hash string) []any) error {
	var missing []string
	for _, h := range hashes {
		if _, ok := ids[h]; !ok {
			missing = append(missing, h)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing) // two that add the same wait for each other in one order
	numbers, err := t.take(ctx, table.Name, len(missing))
	if err != nil {
		return err
	}
	rows := make([][]any, len(missing))
	for n, h := range missing {
		rows[n] = append([]any{numbers[n], h}, values(h)...)
	}
	return t.insertMany(ctx, table, ` ON CONFLICT (hash) DO UPDATE SET hash = excluded.hash RETURNING hash, id`, rows, func(row scanner) error {
		var h string
		var id int64
		err := row.Scan(&h, &id)
		ids[h] = id
		return err
	})
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

// unusedAtOnce is how many rows one transaction of DropUnused looks at: others may
// write in between.
const unusedAtOnce = 5000

// DropUnused removes packages and vulnerabilities that no image has, and the texts of
// policies that neither an account nor a verdict has. It tells how many they were.
func (s *Store) DropUnused(ctx context.Context) (int64, error) {
	var dropped int64
	for _, sweep := range []struct{ table, unused string }{
		{"vulnerabilities", `NOT EXISTS (SELECT 1 FROM matches m WHERE m.vulnerability = vulnerabilities.id)`},
		{"packages", `NOT EXISTS (SELECT 1 FROM image_packages l WHERE l.package = packages.id)
			AND NOT EXISTS (SELECT 1 FROM matches m WHERE m.package = packages.id)`},
	} {
		var last int64
		err := s.View().one(ctx, `SELECT coalesce(max(id), 0) FROM `+sweep.table, nil, []any{&last})
		if err != nil {
			return dropped, err
		}
		for after := int64(0); after < last; after += unusedAtOnce {
			err := s.InTx(ctx, func(tx *Tx) error {
				n, err := tx.exec(ctx, `DELETE FROM `+sweep.table+` WHERE id > $1 AND id <= $2 AND `+sweep.unused, after, after+unusedAtOnce)
				dropped += n
				return err
			})
			if err != nil {
				return dropped, err
			}
		}
	}
	return dropped, s.InTx(ctx, func(tx *Tx) error {
		if err := tx.alone(ctx, "texts", "policies"); err != nil {
			return err
		}
		n, err := tx.exec(ctx, `DELETE FROM policy_texts WHERE digest NOT IN (SELECT digest FROM policies)
			AND digest NOT IN (SELECT DISTINCT policy_digest FROM evaluations)`)
		dropped += n
		return err
	})
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
