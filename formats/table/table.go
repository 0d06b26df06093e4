// Package table writes rows for people to read, and as CSV.
//
// Cells may come from a stranger's image: nothing in them can steer a terminal
// or break a row.
package table

import (
	"encoding/csv"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"
)

// Column is one column of a table.
type Column struct {
	Name   string
	Shrink bool // may be cut short where the table is wider than the terminal
	Wrap   bool // goes on in further lines where the table is wider than the terminal
	Right  bool // aligned to the right
	Max    int  // as text no wider than that; 0: as wide as it is
	Drop   int  // left out where there is no room otherwise, the highest first; 0: never
}

// Table is a heading and its rows.
type Table struct {
	columns []Column
	rows    [][]string
}

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
// above 0, columns are cut, wrapped or left out to fit it, as they allow; where
// that is not enough, each row is written as lines of "Name: value".
func (t *Table) Write(w io.Writer, width int) error {
	l, fits := t.layout(width)
	if !fits {
		return t.blocks(w, width)
	}
	heads := make([]string, len(t.columns))
	for i, c := range t.columns {
		heads[i] = strings.ToUpper(c.Name)
	}
	for _, row := range append([][]string{heads}, t.rows...) {
		if _, err := io.WriteString(w, t.lines(row, l)); err != nil {
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

// lines are a row: one line, or more where a cell is wrapped.
func (t *Table) lines(row []string, l layout) string {
	cells, height := make([][]string, len(l.columns)), 1
	for n, i := range l.columns {
		cells[n] = []string{runewidth.Truncate(row[i], l.widths[n], "…")}
		if t.columns[i].Wrap {
			cells[n] = wrap(row[i], l.widths[n], l.widths[n])
		}
		height = max(height, len(cells[n]))
	}
	var b strings.Builder
	for line := range height {
		parts := make([]string, len(cells))
		for n, i := range l.columns {
			text := ""
			if line < len(cells[n]) {
				text = cells[n][line]
			}
			if t.columns[i].Right {
				parts[n] = runewidth.FillLeft(text, l.widths[n])
			} else {
				parts[n] = runewidth.FillRight(text, l.widths[n])
			}
		}
		b.WriteString(strings.TrimRight(strings.Join(parts, gap), " ") + "\n")
	}
	return b.String()
}

// blocks writes each row as lines of "Name: value", an empty line between rows.
// Nothing is cut; a value that is too wide goes on in an indented line.
func (t *Table) blocks(w io.Writer, width int) error {
	for n, row := range t.rows {
		var b strings.Builder
		if n > 0 {
			b.WriteByte('\n')
		}
		for i, c := range t.columns {
			if row[i] != "" {
				b.WriteString(strings.Join(Wrap(c.Name+": "+row[i], width, gap), "\n") + "\n")
			}
		}
		if _, err := io.WriteString(w, b.String()); err != nil {
			return err
		}
	}
	return nil
}
