package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/report"
)

// Slice is a part of a long answer. A Limit of 0 is everything.
type Slice struct {
	Offset int
	Limit  int
}

// Known is a vulnerability as it was found, without packages.
type Known struct {
	Number int64
	report.Vulnerability
}

// Vulnerabilities are those of some names that were found in an account's images,
// the newest first.
func (t *Tx) Vulnerabilities(ctx context.Context, account string, names []string) ([]Known, error) {
	var all []Known
	for start := 0; start < len(names); start += chunk {
		args, marks := []any{account}, []string{}
		for _, n := range names[start:min(start+chunk, len(names))] {
			args = append(args, n)
			marks = append(marks, fmt.Sprintf("$%d", len(args)))
		}
		err := t.each(ctx, `SELECT v.id, v.body FROM vulnerabilities v
			WHERE v.id IN (SELECT n.vulnerability FROM account_vulnerabilities n WHERE n.account = $1 AND n.name IN (`+strings.Join(marks, ", ")+`))
			AND EXISTS (SELECT 1 FROM matches m WHERE m.vulnerability = v.id AND m.account = $1)
			ORDER BY v.id DESC`, args, func(rows *sql.Rows) error {
			var k Known
			var body string
			if err := rows.Scan(&k.Number, &body); err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(body), &k.Vulnerability); err != nil {
				return fmt.Errorf("read vulnerability %d: %w", k.Number, err)
			}
			all = append(all, k)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// AffectedQuery chooses vulnerabilities, and of the packages that have them those of a
// name and version. What is empty chooses all.
type AffectedQuery struct {
	Vulnerabilities  []int64
	Package, Version string
}

// Affected are the packages in which some vulnerabilities were found in an
// account's images, by vulnerability. More than MaxHeld are fault.TooLarge.
func (t *Tx) Affected(ctx context.Context, account string, q AffectedQuery) (map[int64][]Package, error) {
	affected, told := map[int64][]Package{}, 0
	args, where := []any{account}, ""
	for _, c := range []struct{ column, value string }{{"p.name", q.Package}, {"p.version", q.Version}} {
		if c.value != "" {
			args = append(args, c.value)
			where += fmt.Sprintf(" AND %s = $%d", c.column, len(args))
		}
	}
	query := `SELECT DISTINCT m.vulnerability, p.type, p.name, p.version, p.purl FROM matches m JOIN packages p ON p.id = m.package
		WHERE m.account = $1 AND m.vulnerability IN (%s)` + where + ` ORDER BY p.name, p.version, p.type, p.purl LIMIT ` + strconv.Itoa(mostHeld+1)
	err := t.inChunks(ctx, query, args, q.Vulnerabilities, func(rows *sql.Rows) error {
		if told++; told > mostHeld {
			return fault.New(fault.TooLarge, "the vulnerabilities were found in more than %d packages", mostHeld).
				WithHint("ask for fewer vulnerabilities at once, or for one affected package")
		}
		var v int64
		var p Package
		err := rows.Scan(&v, &p.Type, &p.Name, &p.Version, &p.PURL)
		affected[v] = append(affected[v], p)
		return err
	})
	return affected, err
}

// TaggedQuery chooses tags. What is empty chooses all.
type TaggedQuery struct {
	Registry, Repository, Tag string
	Statuses                  []string
	AnalyzedSince             time.Time
	Part                      string // of the full tag, or of the digest
	Order                     []Order
	Slice
}

// Order is what rows are ordered by.
type Order struct {
	By         string // one of Orders
	Descending bool
}

// orders are what tags can be ordered by, and how that is called in SQL.
var orders = map[string]string{
	"image_digest": "i.digest", "parent_digest": "i.parent_digest", "image_id": "i.image_id",
	"analysis_status": "i.status", "analyzed_at": "i.analyzed_at",
	"created_at": "t.created_at", "tag_detected_at": "t.detected_at", "full_tag": fullTag,
}

// fullTag is a tag in one text.
const fullTag = `t.registry || '/' || t.repository || ':' || t.tag`

// Ordered tells whether tags can be ordered by something.
func Ordered(by string) bool { return orders[by] != "" }

func (q TaggedQuery) where(account string) (string, []any) {
	text, args := []string{"t.account = $1", "t.tag <> ''"}, []any{account}
	add := func(condition string, value any) {
		args = append(args, value)
		text = append(text, strings.ReplaceAll(condition, "?", fmt.Sprintf("$%d", len(args))))
	}
	for _, c := range []struct{ column, value string }{{"t.registry", q.Registry}, {"t.repository", q.Repository}, {"t.tag", q.Tag}} {
		if c.value != "" {
			add(c.column+" = ?", c.value)
		}
	}
	if len(q.Statuses) > 0 {
		marks := make([]string, len(q.Statuses))
		for i, s := range q.Statuses {
			args = append(args, s)
			marks[i] = fmt.Sprintf("$%d", len(args))
		}
		text = append(text, "i.status IN ("+strings.Join(marks, ", ")+")")
	}
	if !q.AnalyzedSince.IsZero() {
		add("i.analyzed_at >= ?", micros(q.AnalyzedSince))
	}
	if q.Part != "" {
		add(`(lower(`+fullTag+`) LIKE lower(?) ESCAPE '\' OR lower(i.digest) LIKE lower(?) ESCAPE '\')`, "%"+strings.NewReplacer(`\`, `\\`, "_", `\_`, "%", `\%`).Replace(q.Part)+"%")
	}
	return strings.Join(text, " AND "), args
}

// Tagged visits what lists show of an account's tags, newest first unless another order
// is asked for, many at once with Separator in between, and tells how many there are in
// all. A whole list in the usual order is read in parts, any other at once.
func (t *Tx) Tagged(ctx context.Context, account string, q TaggedQuery, visit func(summaries []byte) error) (total int, err error) {
	where, args := q.where(account)
	order, err := q.order()
	if err != nil {
		return 0, err
	}
	from, references := ` FROM tags t`, ` JOIN image_references r ON r.image = t.image`
	if strings.Contains(where+order, "i.") { // otherwise the tags say enough
		from += ` JOIN images i ON i.id = t.image`
	}
	query := func(where string) string {
		return `SELECT r.summary || t.summary AS one` + from + references + ` WHERE ` + where + ` ORDER BY ` + order
	}
	if q.Limit == 0 && len(q.Order) == 0 {
		return total, t.inParts(ctx, parts{columns: `t.created_at, t.image`, from: from, where: where, args: args, query: query}, func(some []byte, rows int) error {
			total += rows
			return visit(some)
		})
	}
	all := query(where)
	if q.Limit > 0 {
		all += fmt.Sprintf(` LIMIT %d OFFSET %d`, q.Limit, q.Offset)
	}
	var summaries joined
	total, err = t.join(ctx, &summaries, all, args)
	if err == nil && total > 0 {
		err = visit(summaries)
	}
	if err != nil || q.Limit == 0 {
		return total, err
	}
	return total, t.one(ctx, `SELECT count(*)`+from+` WHERE `+where, args, []any{&total})
}

// order is what tags are ordered by, as SQL has it.
func (q TaggedQuery) order() (string, error) {
	var order []string
	for _, o := range append(slices.Clone(q.Order), Order{"created_at", true}) {
		column, ok := orders[o.By]
		if !ok {
			return "", fmt.Errorf("tags cannot be ordered by %q", o.By)
		}
		if o.Descending {
			column += " DESC"
		}
		order = append(order, column)
	}
	return strings.Join(order, ", ") + `, t.image DESC, t.registry, t.repository, t.tag`, nil
}

// CountTagged counts an account's images by status, and its tags: of a registry
// and of a repository where they are given.
func (t *Tx) CountTagged(ctx context.Context, account, registry, repository string) (images map[string]int, tags int, err error) {
	q := TaggedQuery{Registry: registry, Repository: repository}
	where, args := q.where(account)
	err = t.one(ctx, `SELECT count(*) FROM (SELECT DISTINCT t.registry, t.repository, t.tag FROM tags t WHERE `+where+`) x`, args, []any{&tags})
	if err != nil {
		return nil, 0, err
	}
	query := `SELECT i.status, count(*) FROM images i WHERE i.account = $1`
	if registry+repository != "" {
		query += ` AND EXISTS (SELECT 1 FROM tags t WHERE t.image = i.id AND ` + strings.Replace(where, " AND t.tag <> ''", "", 1) + `)`
	} else {
		args = args[:1]
	}
	images = map[string]int{}
	err = t.each(ctx, query+` GROUP BY i.status`, args, func(rows *sql.Rows) error {
		var status string
		var n int
		err := rows.Scan(&status, &n)
		images[status] = n
		return err
	})
	return images, tags, err
}
