package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/report"
)

// Slice is a part of a long answer. A Limit of 0 is everything.
type Slice struct {
	Offset int
	Limit  int
}

// Holder is an image, in short, and those of its packages that were asked for.
type Holder struct {
	Image     int64
	Reference []byte // as it was rendered
	Packages  []Held
}

// Held is a package of a Holder, and the vulnerability where one was asked for.
type Held struct {
	Package
	Vulnerability int64 // of its row

	id int64 // of the package's row
}

// PackageQuery chooses packages. What is empty chooses all.
type PackageQuery struct {
	Name    string
	Types   []string // syft's
	Version string
}

func (q PackageQuery) where(args []any) (string, []any) {
	args = append(args, q.Name)
	text := fmt.Sprintf("p.name = $%d", len(args))
	if q.Version != "" {
		args = append(args, q.Version)
		text += fmt.Sprintf(" AND p.version = $%d", len(args))
	}
	if len(q.Types) > 0 {
		marks := make([]string, len(q.Types))
		for i, kind := range q.Types {
			args = append(args, kind)
			marks[i] = fmt.Sprintf("$%d", len(args))
		}
		text += " AND p.type IN (" + strings.Join(marks, ", ") + ")"
	}
	return text, args
}

// ByPackage visits the account's images that have one of the packages, in the order
// in which they came.
func (t *Tx) ByPackage(ctx context.Context, account string, q PackageQuery, s Slice, visit func(Holder) error) error {
	where, args := q.where([]any{account})
	from := `image_packages l WHERE l.account = $1 AND l.package IN (SELECT p.id FROM packages p WHERE ` + where + `)`
	var h holders
	packages := map[int64]Package{}
	err := t.sliced(ctx, `l.image, l.package`, from, args, s, func(rows *sql.Rows) error {
		var image, pkg int64
		if err := rows.Scan(&image, &pkg); err != nil {
			return err
		}
		packages[pkg] = Package{}
		h.add(image, Held{id: pkg})
		return nil
	})
	if err != nil {
		return err
	}
	return t.filled(ctx, h, packages, visit)
}

// VulnerabilityQuery chooses matches of vulnerabilities.
type VulnerabilityQuery struct {
	Vulnerabilities []int64
	Package         string // the name of what is affected; "" is whatever
}

// ByVulnerability visits the account's images in which one of the vulnerabilities
// was found, in the order in which they came.
func (t *Tx) ByVulnerability(ctx context.Context, account string, q VulnerabilityQuery, s Slice, visit func(Holder) error) error {
	if len(q.Vulnerabilities) == 0 {
		return nil
	}
	args, marks := []any{account}, make([]string, len(q.Vulnerabilities))
	for i, v := range q.Vulnerabilities {
		args = append(args, v)
		marks[i] = fmt.Sprintf("$%d", len(args))
	}
	from := `matches l WHERE l.account = $1 AND l.vulnerability IN (` + strings.Join(marks, ", ") + `)`
	if q.Package != "" {
		args = append(args, q.Package)
		from += fmt.Sprintf(` AND l.package IN (SELECT p.id FROM packages p WHERE p.name = $%d)`, len(args))
	}
	var h holders
	packages := map[int64]Package{}
	columns := `l.image, l.package, l.vulnerability, CASE WHEN l.package IS NULL THEN l.detail ELSE '' END`
	err := t.sliced(ctx, columns, from, args, s, func(rows *sql.Rows) error {
		var image, vulnerability int64
		var pkg sql.NullInt64
		var own string
		if err := rows.Scan(&image, &pkg, &vulnerability, &own); err != nil {
			return err
		}
		held := Held{id: pkg.Int64, Vulnerability: vulnerability}
		if pkg.Valid {
			packages[held.id] = Package{}
		} else { // the image's packages lack it: only the match knows its name
			var d detail
			if err := json.Unmarshal([]byte(own), &d); err != nil {
				return fmt.Errorf("read match: %w", err)
			}
			held.Package = Package{Type: d.Package.Type, Name: d.Package.Name, Version: d.Package.Version, PURL: d.Package.PURL}
		}
		h.add(image, held)
		return nil
	})
	if err != nil {
		return err
	}
	return t.filled(ctx, h, packages, visit)
}

// sliced reads the rows of a slice of the images that links lead to, by image.
func (t *Tx) sliced(ctx context.Context, columns, from string, args []any, s Slice, scan func(*sql.Rows) error) error {
	if s.Limit == 0 {
		return t.each(ctx, `SELECT `+columns+` FROM `+from+` ORDER BY l.image`, args, scan)
	}
	var images []int64
	err := t.each(ctx, fmt.Sprintf(`SELECT DISTINCT l.image FROM %s ORDER BY l.image LIMIT %d OFFSET %d`, from, s.Limit, s.Offset), args,
		func(rows *sql.Rows) error {
			var n int64
			err := rows.Scan(&n)
			images = append(images, n)
			return err
		})
	if err != nil {
		return err
	}
	return t.inChunks(ctx, `SELECT `+columns+` FROM `+from+` AND l.image IN (%s) ORDER BY l.image`, args, images, scan)
}

// holders are images whose links come one after the other.
type holders []Holder

func (h *holders) add(image int64, held Held) {
	if n := len(*h); n == 0 || (*h)[n-1].Image != image {
		*h = append(*h, Holder{Image: image})
	}
	last := &(*h)[len(*h)-1]
	if !slices.Contains(last.Packages, held) {
		last.Packages = append(last.Packages, held)
	}
}

// filled visits images, and tells of them and of the packages what only their
// numbers were known of.
func (t *Tx) filled(ctx context.Context, all holders, packages map[int64]Package, visit func(Holder) error) error {
	if err := t.namePackages(ctx, packages); err != nil {
		return err
	}
	for some := range slices.Chunk(all, recordsAtOnce) {
		numbers, at := make([]int64, len(some)), make(map[int64]*Holder, len(some))
		for i := range some {
			numbers[i], at[some[i].Image] = some[i].Image, &some[i]
		}
		if err := t.references(ctx, numbers, func(image int64, reference []byte) { at[image].Reference = reference }); err != nil {
			return err
		}
		for _, h := range some {
			if h.Reference == nil { // deleted between two statements
				continue
			}
			h.namePackages(packages)
			if err := visit(h); err != nil {
				return err
			}
		}
	}
	return nil
}

// namePackages puts what is known of packages in the place of their numbers.
func (h *Holder) namePackages(packages map[int64]Package) {
	for n, held := range h.Packages {
		if p, ok := packages[held.id]; ok {
			h.Packages[n].Package = p
		}
	}
	slices.SortFunc(h.Packages, func(a, b Held) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Type, b.Type), cmp.Compare(a.PURL, b.PURL), cmp.Compare(a.Vulnerability, b.Vulnerability))
	})
}

func (t *Tx) namePackages(ctx context.Context, packages map[int64]Package) error {
	return t.inChunks(ctx, `SELECT id, type, name, version, purl FROM packages WHERE id IN (%s)`, nil, slices.Sorted(maps.Keys(packages)), func(rows *sql.Rows) error {
		var id int64
		var p Package
		err := rows.Scan(&id, &p.Type, &p.Name, &p.Version, &p.PURL)
		packages[id] = p
		return err
	})
}

// nameVulnerability writes the names under which a vulnerability is found.
func (t *Tx) nameVulnerability(ctx context.Context, id int64, v report.Vulnerability) error {
	names := []string{v.ID}
	for _, r := range v.Related {
		names = append(names, r.ID)
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		_, err := t.exec(ctx, `INSERT INTO vulnerability_names (name, vulnerability) VALUES ($1, $2) ON CONFLICT (name, vulnerability) DO NOTHING`, name, id)
		if err != nil {
			return fmt.Errorf("name %s: %w", v.ID, err)
		}
	}
	return nil
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
			WHERE v.id IN (SELECT n.vulnerability FROM vulnerability_names n WHERE n.name IN (`+strings.Join(marks, ", ")+`))
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

// Affected are the packages in which some vulnerabilities were found in an
// account's images, by vulnerability.
func (t *Tx) Affected(ctx context.Context, account string, vulnerabilities []int64) (map[int64][]Package, error) {
	affected := map[int64][]Package{}
	err := t.inChunks(ctx, `SELECT DISTINCT m.vulnerability, p.type, p.name, p.version, p.purl FROM matches m JOIN packages p ON p.id = m.package
		WHERE m.account = $1 AND m.vulnerability IN (%s) ORDER BY p.name, p.version, p.type, p.purl`, []any{account}, vulnerabilities, func(rows *sql.Rows) error {
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
		add(`(`+fullTag+` LIKE ? ESCAPE '\' OR i.digest LIKE ? ESCAPE '\')`, "%"+strings.NewReplacer(`\`, `\\`, "_", `\_`, "%", `\%`).Replace(q.Part)+"%")
	}
	return strings.Join(text, " AND "), args
}

// Tagged visits what lists show of an account's tags, newest first unless another
// order is asked for, and tells how many there are in all. The bytes are visit's
// during the call only, and it must not wait for anybody.
func (t *Tx) Tagged(ctx context.Context, account string, q TaggedQuery, visit func(summary []byte) error) (int, error) {
	where, args := q.where(account)
	from := ` FROM tags t JOIN images i ON i.id = t.image WHERE ` + where
	var order []string
	for _, o := range append(slices.Clone(q.Order), Order{"created_at", true}) {
		column, ok := orders[o.By]
		if !ok {
			return 0, fmt.Errorf("tags cannot be ordered by %q", o.By)
		}
		if o.Descending {
			column += " DESC"
		}
		order = append(order, column)
	}
	query := `SELECT t.summary` + from + ` ORDER BY ` + strings.Join(order, ", ") + `, t.image DESC, t.registry, t.repository, t.tag`
	if q.Limit > 0 {
		query += fmt.Sprintf(` LIMIT %d OFFSET %d`, q.Limit, q.Offset)
	}
	all := 0
	err := t.each(ctx, query, args, func(rows *sql.Rows) error {
		var summary sql.RawBytes
		if err := rows.Scan(&summary); err != nil {
			return err
		}
		all++
		return visit(summary)
	})
	if err != nil || q.Limit == 0 {
		return all, err
	}
	if !strings.Contains(where, "i.") { // each tag has its image: the tags alone are counted sooner
		from = ` FROM tags t WHERE ` + where
	}
	total := 0
	err = t.one(ctx, `SELECT count(*)`+from, args, []any{&total})
	return total, err
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
