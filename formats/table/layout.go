package table

import (
	"slices"

	"github.com/mattn/go-runewidth"
)

// Columns are not made narrower than that.
const (
	minimumCut     = 10
	minimumWrapped = 32
)

// layout is which columns are shown, and how wide.
type layout struct {
	columns []int
	widths  []int
}

// layout fits the table into a width, 0 for any, and says whether that could be done.
func (t *Table) layout(limit int) (layout, bool) {
	natural := t.widths()
	columns := make([]int, len(t.columns))
	for i := range columns {
		columns[i] = i
	}
	for {
		l := layout{columns: columns}
		excess := len(gap)*(len(columns)-1) - limit
		for _, i := range columns {
			l.widths = append(l.widths, natural[i])
			excess += natural[i]
		}
		if limit <= 0 || t.shrink(l, excess) {
			return l, true
		}
		drop := slices.MaxFunc(columns, func(a, b int) int { return t.columns[a].Drop - t.columns[b].Drop })
		if t.columns[drop].Drop == 0 {
			return l, false
		}
		columns = slices.DeleteFunc(slices.Clone(columns), func(i int) bool { return i == drop })
	}
}

// widths are those of the columns' widest cells.
func (t *Table) widths() []int {
	widths := make([]int, len(t.columns))
	for i, c := range t.columns {
		for _, row := range t.rows {
			widths[i] = max(widths[i], runewidth.StringWidth(row[i]))
		}
		if c.Max > 0 {
			widths[i] = min(widths[i], c.Max)
		}
		widths[i] = max(widths[i], runewidth.StringWidth(c.Name))
	}
	return widths
}

// shrink takes excess from the widest columns that may give, and says whether
// they could.
func (t *Table) shrink(l layout, excess int) bool {
	for ; excess > 0; excess-- {
		widest := -1
		for n, i := range l.columns {
			if l.widths[n] > t.columns[i].minimum() && (widest < 0 || l.widths[n] > l.widths[widest]) {
				widest = n
			}
		}
		if widest < 0 {
			return false
		}
		l.widths[widest]--
	}
	return true
}

// minimum is the width that a column always has, as far as its cells are that wide.
func (c Column) minimum() int {
	switch {
	case c.Wrap:
		return minimumWrapped
	case c.Shrink:
		return max(minimumCut, runewidth.StringWidth(c.Name))
	}
	return int(^uint(0) >> 1)
}
