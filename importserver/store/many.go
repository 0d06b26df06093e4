package store

import (
	"context"
	"database/sql"
	"math/bits"
)

// insertMany writes rows into a table, with an ending such as RETURNING, whose rows
// scan is given where it is not nil.
func (t *Tx) insertMany(ctx context.Context, table Table, ending string, rows [][]any, scan func(scanner) error) error {
	if t.dialect.parameters == 0 {
		return t.insertEach(ctx, table, ending, rows, scan)
	}
	for len(rows) > 0 {
		// Powers of two make for few different statements, each of which is prepared once.
		n := 1 << (bits.Len(uint(min(len(rows), max(t.dialect.parameters/len(table.Columns), 1)))) - 1)
		args := make([]any, 0, n*len(table.Columns))
		for _, row := range rows[:n] {
			args = append(args, row...)
		}
		rows = rows[n:]
		var err error
		if statement := insertion(table, n) + ending; scan == nil {
			_, err = t.exec(ctx, statement, args...)
		} else {
			err = t.each(ctx, statement, args, func(r *sql.Rows) error { return scan(r) })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// insertEach is insertMany for databases that write rows more quickly one by one.
func (t *Tx) insertEach(ctx context.Context, table Table, ending string, rows [][]any, scan func(scanner) error) error {
	if len(rows) == 0 {
		return nil
	}
	stmt, err := t.prepare(ctx, insertion(table, 1)+ending)
	if err != nil {
		return err
	}
	defer stmt.Close()
	for _, row := range rows {
		if scan == nil {
			err = stmt.exec(ctx, row...)
		} else {
			err = scan(stmt.row(ctx, row...))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
