package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// LinePlans are how the database carries out what a claim and a request do with the
// line, by what that is.
func (s *Store) LinePlans(ctx context.Context, explain string) (map[string]string, error) {
	plans := map[string]string{}
	for what, q := range map[string]struct {
		query string
		args  []any
	}{
		"claim": {s.dialect.claim(), []any{"t", "w", 1, 2, 0}},
		"ready": {s.dialect.ready(), []any{1, 100}},
		"last":  {lastTurn, []any{"a", 0}},
		"first": {firstTurn, []any{0}},
	} {
		err := s.View().each(ctx, explain+q.query, q.args, func(rows *sql.Rows) error {
			columns, err := rows.Columns()
			if err != nil {
				return err
			}
			into, cells := make([]any, len(columns)), make([]any, len(columns))
			for n := range into {
				into[n] = &cells[n]
			}
			err = rows.Scan(into...)
			plans[what] += strings.TrimSpace(fmt.Sprintln(cells[len(cells)-1])) + "\n"
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", what, err)
		}
	}
	return plans, nil
}

// Exec is for what only tests do.
func (s *Store) Exec(ctx context.Context, query string) error {
	_, err := s.db.ExecContext(ctx, query)
	return err
}
