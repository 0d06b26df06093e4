package store

import (
	"context"
	"database/sql"
	"maps"
	"slices"

	"github.com/tidepole/tidepole/formats/report"
)

// Names of what an account has are rows of their own, by which its questions find it.
var (
	packageNames       = Table{Name: "account_packages", Columns: []string{"package", "account", "name"}}
	vulnerabilityNames = Table{Name: "account_vulnerabilities", Columns: []string{"vulnerability", "account", "name"}}
)

// name has an account find what its images have by the names of each row number. What
// it finds already costs a look.
func (t *Tx) name(ctx context.Context, table Table, account string, names map[int64][]string) error {
	if len(names) == 0 {
		return nil
	}
	numbers, found := slices.Sorted(maps.Keys(names)), make(map[int64]bool, len(names))
	key := table.Columns[0]
	err := t.inChunks(ctx, `SELECT DISTINCT `+key+` FROM `+table.Name+` WHERE account = $1 AND `+key+` IN (%s)`, []any{account}, numbers, func(rows *sql.Rows) error {
		var n int64
		err := rows.Scan(&n)
		found[n] = true
		return err
	})
	if err != nil {
		return err
	}
	var rows [][]any
	for _, n := range numbers { // in one order: two that add the same wait for each other
		if found[n] {
			continue
		}
		for _, name := range names[n] {
			rows = append(rows, []any{n, account, name})
		}
	}
	return t.insertMany(ctx, table, ` ON CONFLICT DO NOTHING`, rows, nil)
}

// namesOf are the names under which a vulnerability is found.
func namesOf(v report.Vulnerability) []string {
	names := []string{v.ID}
	for _, r := range v.Related {
		names = append(names, r.ID)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
