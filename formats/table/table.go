// Package table writes rows for people to read, and as CSV.
//
// Cells may come from a stranger's image: nothing in them can steer a terminal
// or break a row.
package table

import (
	"encoding/csv"
	"io"
	"slices"
	"strings"

	"github.com/mattn/go-runewidth"
)

// Column is one column of a table.
type Column struct {
	Name   string
	Shrink bool // may be cut short where the table is wider than the terminal
	Right  bool // aligned to the right
}

// Table is a heading and its rows.
type Table struct {
	columns []Column
	rows    [][]string
}

// minimum is the width below which a column that may shrink is not cut.
const minimum = 12

// gap stands between columns.
const gap = "  "

// New is a table of those columns.
func New(columns ...Column) *Table { return &Table{columns: columns} }

// Row adds a row; it has as many cells as the table has columns.
func (t *Table) Row(cells ...string) {
	row := make([]string, len(t.columns))
	for i := range row {
		if i < len(cells) {
			row[i] = Clean(cells[i])
		}
	}
	t.rows = append(t.rows, row)
}

// Len is the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// Write writes the heading in capitals and the rows, aligned. Where width is
// above 0, columns that may shrink are cut to fit it.
func (t *Table) Write(w io.Writer, width int) error {
	widths := t.widths(width)
	heads := make([]string, len(t.columns))
	for i, c := range t.columns {
		heads[i] = strings.ToUpper(c.Name)
	}
	for _, row := range append([][]string{heads}, t.rows...) {
		if _, err := io.WriteString(w, t.line(row, widths)); err != nil {
			return err
		}
	}
	return nil
}

// CSV writes the column names and the rows as RFC 4180 has it.
func (t *Table) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	heads := make([]string, len(t.columns))
	for i, c := range t.columns {
		heads[i] = c.Name
	}
	if err := out.Write(heads); err != nil {
		return err
	}
	return out.WriteAll(t.rows)
}

func (t *Table) widths(limit int) []int {
	widths := make([]int, len(t.columns))
	total := len(gap) * (len(t.columns) - 1)
	for i, c := range t.columns {
		widths[i] = runewidth.StringWidth(c.Name)
		for _, row := range t.rows {
			widths[i] = max(widths[i], runewidth.StringWidth(row[i]))
		}
		total += widths[i]
	}
	if limit > 0 {
		t.shrink(widths, total-limit)
	}
	return widths
}

// shrink takes excess from the widest columns that may give.
func (t *Table) shrink(widths []int, excess int) {
	for ; excess > 0; excess-- {
		widest := -1
		for i, c := range t.columns {
			if c.Shrink && widths[i] > minimum && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			return
		}
		widths[widest]--
	}
}

func (t *Table) line(row []string, widths []int) string {
	cells := slices.Clone(row)
	for i, c := range t.columns {
		cells[i] = runewidth.Truncate(cells[i], widths[i], "…")
		if c.Right {
			cells[i] = runewidth.FillLeft(cells[i], widths[i])
		} else {
			cells[i] = runewidth.FillRight(cells[i], widths[i])
		}
	}
	return strings.TrimRight(strings.Join(cells, gap), " ") + "\n"
}
