package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tidepole/tidepole/formats/fault"
)

// MaxHeld is how many of one image's packages an answer over many images tells of. A
// package that is there in so many versions is no package.
const MaxHeld = 20_000

const alikeRoom = 16 << 20 // bytes

// Bounds that tests lower.
var (
	mostHeld    = MaxHeld
	linksAtOnce = 5 * MaxHeld // that one statement reads: more than mostHeld
)

// Holder is an image, in short, and those of its packages that were asked for.
type Holder struct {
	Image     int64
	Reference []byte // as it was rendered; its visitor's until it returns
	Packages  []Held
	Same      int // holders of the same packages have the same number
}

// Held is a package of a Holder, and the vulnerability where one was asked for.
type Held struct {
	Package
	Vulnerability int64 // of its row
}

// PackageQuery chooses packages. What is empty chooses all.
type PackageQuery struct {
	Name    string
	Types   []string // syft's
	Version string
}

// of is the numbers of the account's packages that are chosen, in SQL. The account is
// the first of the query's args.
func (q PackageQuery) of(args []any) (string, []any) {
	args = append(args, q.Name)
	from, where := `account_packages h`, fmt.Sprintf(`h.account = $1 AND h.name = $%d`, len(args))
	if q.Version != "" || len(q.Types) > 0 {
		from += ` JOIN packages p ON p.id = h.package`
	}
	if q.Version != "" {
		args = append(args, q.Version)
		where += fmt.Sprintf(" AND p.version = $%d", len(args))
	}
	if len(q.Types) > 0 {
		marks := make([]string, len(q.Types))
		for i, kind := range q.Types {
			args = append(args, kind)
			marks[i] = fmt.Sprintf("$%d", len(args))
		}
		where += " AND p.type IN (" + strings.Join(marks, ", ") + ")"
	}
	return `(SELECT h.package FROM ` + from + ` WHERE ` + where + `)`, args
}

// ByPackage visits the account's images that have one of the packages, in the order
// in which they came.
func (t *Tx) ByPackage(ctx context.Context, account string, q PackageQuery, s Slice, visit func(Holder) error) error {
	packages, args := q.of([]any{account})
	from := `image_packages l WHERE l.account = $1 AND l.package IN ` + packages
	return t.links(ctx, `l.image || ' 0 ' || l.package || ' '`, from, args, s, visit)
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
	args := []any{account}
	from := `matches l WHERE l.account = $1 AND l.vulnerability IN (` + numbers(q.Vulnerabilities) + `)`
	if q.Package != "" {
		var packages string
		packages, args = PackageQuery{Name: q.Package}.of(args)
		from += ` AND l.package IN ` + packages
	}
	line := `l.image || ' ' || l.vulnerability || ' ' || coalesce(l.package, 0) || ' ' || CASE WHEN l.package IS NULL THEN l.detail ELSE '' END`
	return t.links(ctx, line, from, args, s, visit)
}

// link is that an image has a package, and the vulnerability where one was asked for.
type link struct {
	image, vulnerability, pkg int64  // numbers of rows; pkg is 0 where the image's packages lack it
	match                     string // JSON: what only the match knows of such a package
}

// links visits a slice of the images that links lead to, in the order in which they
// came. The database joins the links, one line each, which is cheaper than to read
// each; so many at once that answers of any length take as much memory.
func (t *Tx) links(ctx context.Context, line, from string, args []any, s Slice, visit func(Holder) error) error {
	last := int64(1) << 62
	after := int64(0)
	if s.Limit > 0 {
		var first, end sql.NullInt64
		err := t.one(ctx, fmt.Sprintf(`SELECT min(x.image), max(x.image) FROM (SELECT DISTINCT l.image FROM %s ORDER BY l.image LIMIT %d OFFSET %d) x`,
			from, s.Limit, s.Offset), args, []any{&first, &end})
		if err != nil || !first.Valid {
			return err
		}
		after, last = first.Int64-1, end.Int64
	}
	known := alike{numbers: map[string]int{}}
	for {
		var text joined
		rows, err := t.join(ctx, &text, `SELECT `+line+` AS one FROM `+from+
			fmt.Sprintf(` AND l.image > %d AND l.image <= %d ORDER BY l.image LIMIT %d`, after, last, linksAtOnce), args)
		if err != nil || rows == 0 {
			return err
		}
		all, err := parseLinks(string(text), rows)
		if err != nil {
			return err
		}
		if rows == linksAtOnce { // there may be more of the last image
			cut := all[rows-1].image
			all = all[:slices.IndexFunc(all, func(l link) bool { return l.image == cut })]
			if len(all) == 0 {
				return t.tooManyHeld(ctx, cut)
			}
		}
		for n := range all { // before anything is told of any
			if n >= mostHeld && all[n-mostHeld].image == all[n].image {
				return t.tooManyHeld(ctx, all[n].image)
			}
		}
		if err := t.holders(ctx, all, &known, visit); err != nil || rows < linksAtOnce {
			return err
		}
		after = all[len(all)-1].image
	}
}

// tooManyHeld refuses to tell of an image that has more than MaxHeld of what was asked for.
func (t *Tx) tooManyHeld(ctx context.Context, image int64) error {
	i, err := t.ImageByID(ctx, image)
	if err != nil {
		return err
	}
	return fault.New(fault.TooLarge, "image %s has more than %d of the packages that are asked for", i.Digest, mostHeld).
		WithDetail("image_digest", i.Digest).WithHint("ask for one version of the package, or for one package; GET /images/%s/content tells of them all", i.Digest)
}

// parseLinks reads links that are joined.
func parseLinks(text string, rows int) ([]link, error) {
	all := make([]link, 0, rows)
	for one := range strings.SplitSeq(text, Separator) {
		l, err := parseLink(one)
		if err != nil {
			return nil, err
		}
		all = append(all, l)
	}
	return all, nil
}

func parseLink(line string) (l link, err error) {
	for _, n := range []*int64{&l.image, &l.vulnerability, &l.pkg} {
		var number string
		number, line, _ = strings.Cut(line, " ")
		if *n, err = strconv.ParseInt(number, 10, 64); err != nil {
			return l, fmt.Errorf("read which image has a package: %w", err)
		}
	}
	l.match = line
	return l, nil
}

// holders visits the images of links, which come by image, and tells of them and of
// their packages what only their numbers were known of.
func (t *Tx) holders(ctx context.Context, links []link, known *alike, visit func(Holder) error) error {
	packages := map[int64]Package{}
	for _, l := range links {
		packages[l.pkg] = Package{}
	}
	delete(packages, 0)
	if err := t.namePackages(ctx, packages); err != nil {
		return err
	}
	var text joined
	for len(links) > 0 {
		images, end := firstImages(links)
		references, err := t.references(ctx, &text, images)
		if err != nil {
			return err
		}
		for some := links[:end]; len(some) > 0; {
			own := slices.IndexFunc(some, func(l link) bool { return l.image != some[0].image })
			if own < 0 {
				own = len(some)
			}
			h, err := holder(some[:own], packages, known)
			if err := cmp.Or(err, ctx.Err()); err != nil {
				return err
			}
			some = some[own:]
			if h.Reference = references[h.Image]; len(h.Reference) == 0 { // deleted between two statements
				continue
			}
			if err := visit(h); err != nil {
				return err
			}
		}
		links = links[end:]
	}
	return nil
}

// firstImages are the first images of links, as many as are read at once, and how many
// links are theirs.
func firstImages(links []link) (images []int64, end int) {
	for n, l := range links {
		if n > 0 && l.image == links[n-1].image {
			continue
		}
		if len(images) == recordsAtOnce {
			return images, n
		}
		images = append(images, l.image)
	}
	return images, len(links)
}

// holder makes one image's links a Holder, but for its Reference.
func holder(links []link, packages map[int64]Package, known *alike) (Holder, error) {
	h := Holder{Image: links[0].image, Packages: make([]Held, 0, len(links))}
	slices.SortFunc(links, func(a, b link) int { // the same packages make the same key
		return cmp.Or(cmp.Compare(a.vulnerability, b.vulnerability), cmp.Compare(a.pkg, b.pkg), cmp.Compare(a.match, b.match))
	})
	var key []byte
	seen := make(map[Held]bool, len(links))
	for _, l := range links {
		held := Held{Package: packages[l.pkg], Vulnerability: l.vulnerability}
		if l.pkg == 0 {
			var d detail
			if err := json.Unmarshal([]byte(l.match), &d); err != nil {
				return h, fmt.Errorf("read match: %w", err)
			}
			held.Package = Package{Type: d.Package.Type, Name: d.Package.Name, Version: d.Package.Version, PURL: d.Package.PURL}
		}
		if seen[held] {
			continue
		}
		seen[held] = true
		h.Packages = append(h.Packages, held)
		key = append(strconv.AppendInt(append(strconv.AppendInt(key, l.vulnerability, 10), ' '), l.pkg, 10), l.match...)
		key = append(key, '\n')
	}
	h.Same = known.number(key)
	slices.SortFunc(h.Packages, func(a, b Held) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version), cmp.Compare(a.Type, b.Type), cmp.Compare(a.PURL, b.PURL), cmp.Compare(a.Vulnerability, b.Vulnerability))
	})
	return h, nil
}

// alike numbers what images have, so that what is the same need be told once only. It
// forgets where that would take too much memory: later ones then get new numbers.
type alike struct {
	numbers map[string]int // by links without their image, as text
	size    int            // of those texts
	last    int
}

func (a *alike) number(key []byte) int {
	if n, ok := a.numbers[string(key)]; ok {
		return n
	}
	if a.size += len(key); a.size > alikeRoom {
		clear(a.numbers)
		a.size = len(key)
	}
	a.last++
	a.numbers[string(key)] = a.last
	return a.last
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
