package importserver

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// Bounds of questions over all images.
const (
	maxQueried   = 1000      // vulnerabilities that one question may name
	maxPageLimit = 1_000_000 // rows of a page; no limit at all is everything, too
)

// eachHolder is told of an image, as it was rendered, and of its packages, which are
// the same where the number is.
type eachHolder[P any] func(reference []byte, same int, packages func() []P) error

// eachWithPackage visits the account's images that have a package, each as it was
// rendered, and gives the head of the page.
func (a *Account) eachWithPackage(ctx context.Context, f wire.PackageFilter, visit eachHolder[wire.PackageReference]) (wire.Page, error) {
	if f.Name == "" {
		return wire.Page{}, fault.New(fault.Invalid, "query images by package: no package is named")
	}
	s, err := slice(&f.PageRequest)
	if err != nil {
		return wire.Page{}, err
	}
	q := store.PackageQuery{Name: f.Name, Version: f.Version}
	if f.Type != "" {
		q.Types = wire.SyftTypes(f.Type)
	}
	p := pager{PageRequest: f.PageRequest}
	err = a.server.store.View().ByPackage(ctx, a.name, q, s, p.each(func(h store.Holder) error {
		return visit(h.Reference, h.Same, func() []wire.PackageReference {
			return eachOnce(h.Packages, func(held store.Held) wire.PackageReference { return shownPackage(held.Package) })
		})
	}))
	return p.head(), err
}

// eachWithVulnerability visits the account's images in which a vulnerability was
// found, each as it was rendered, and gives the head of the page.
func (a *Account) eachWithVulnerability(ctx context.Context, f wire.ByVulnerabilityFilter, visit eachHolder[wire.VulnerablePackage]) (wire.Page, error) {
	if f.ID == "" {
		return wire.Page{}, fault.New(fault.Invalid, "query images by vulnerability: no vulnerability is named")
	}
	s, err := slice(&f.PageRequest)
	if err != nil {
		return wire.Page{}, err
	}
	view := a.server.store.View()
	known, err := view.Vulnerabilities(ctx, a.name, spellings([]string{f.ID}))
	if err != nil {
		return wire.Page{}, err
	}
	q := store.VulnerabilityQuery{Package: f.Package}
	records := map[int64]store.Known{}
	for _, k := range known {
		if wire.InNamespace(k.Namespace, f.Namespace) && (f.Severity == "" || strings.EqualFold(f.Severity, severityOf(k))) &&
			!(f.VendorOnly && wire.WillNotFix(k.Vulnerability)) {
			records[k.Number] = k
			q.Vulnerabilities = append(q.Vulnerabilities, k.Number)
		}
	}
	p := pager{PageRequest: f.PageRequest}
	err = view.ByVulnerability(ctx, a.name, q, s, p.each(func(h store.Holder) error {
		return visit(h.Reference, h.Same, func() []wire.VulnerablePackage {
			return eachOnce(h.Packages, func(held store.Held) wire.VulnerablePackage {
				k, r := records[held.Vulnerability], shownPackage(held.Package)
				return wire.VulnerablePackage{
					Name: r.Name, Version: r.Version, Type: r.Type, Namespace: k.Namespace, Severity: severityOf(k), VulnerabilityID: k.ID,
				}
			})
		})
	}))
	return p.head(), err
}

// KnownVulnerabilities are records of vulnerabilities that were found in the account's
// images, with the packages that have them, and those of the vulnerability database,
// with the packages that they are about: what other accounts have makes no difference.
func (a *Account) KnownVulnerabilities(ctx context.Context, f wire.KnownFilter) (wire.KnownVulnerabilities, error) {
	if len(f.IDs) == 0 || len(f.IDs) > maxQueried {
		return wire.KnownVulnerabilities{}, fault.New(fault.Invalid, "query vulnerabilities: name 1 to %d, not %d", maxQueried, len(f.IDs))
	}
	s, err := slice(&f.PageRequest)
	if err != nil {
		return wire.KnownVulnerabilities{}, err
	}
	view := a.server.store.View()
	known, err := view.Vulnerabilities(ctx, a.name, spellings(f.IDs))
	if err != nil {
		return wire.KnownVulnerabilities{}, err
	}
	known = slices.DeleteFunc(known, func(k store.Known) bool {
		return len(f.Namespaces) > 0 && !slices.ContainsFunc(f.Namespaces, func(n string) bool { return wire.InNamespace(k.Namespace, n) })
	})
	all, err := a.records(ctx, view, known, f)
	if err == nil {
		all, err = a.addUnfound(ctx, all, f)
	}
	if err != nil {
		return wire.KnownVulnerabilities{}, err
	}
	slices.SortStableFunc(all, func(a, b wire.KnownVulnerability) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Namespace, b.Namespace))
	})
	all = all[min(s.Offset, len(all)):]
	if s.Limit > 0 {
		all = all[:min(s.Limit, len(all))]
	}
	all, head := paged(f.PageRequest, all)
	return wire.KnownVulnerabilities{Page: head, Vulnerabilities: all}, nil
}

// records are vulnerabilities as the API has them, one for each id and namespace:
// the newest tells what it is, all of them where it was found.
func (a *Account) records(ctx context.Context, view *store.Tx, known []store.Known, f wire.KnownFilter) ([]wire.KnownVulnerability, error) {
	numbers := make([]int64, len(known))
	for i, k := range known {
		numbers[i] = k.Number
	}
	affected, err := view.Affected(ctx, a.name, store.AffectedQuery{Vulnerabilities: numbers, Package: f.Package, Version: f.PackageVersion})
	if err != nil {
		return nil, err
	}
	all, at := []wire.KnownVulnerability{}, map[[2]string]int{}
	seen := map[[5]string]bool{}
	for _, k := range known {
		for _, p := range affected[k.Number] {
			key := [2]string{k.ID, k.Namespace}
			n, ok := at[key]
			if !ok {
				n = len(all)
				at[key], all = n, append(all, wire.KnownVulnerabilityOf(k.Vulnerability))
			}
			r, left := shownPackage(p), wire.WillNotFix(k.Vulnerability)
			r.WillNotFix = &left
			if same := [5]string{k.ID, k.Namespace, r.Name, r.Version, r.Type}; !seen[same] { // an older record of it says nothing new
				seen[same] = true
				all[n].Packages = append(all[n].Packages, r)
			}
		}
	}
	return all, nil
}

// addUnfound adds what the vulnerability database says of the vulnerabilities that are
// asked for, where none of the account's images has told of that record.
func (a *Account) addUnfound(ctx context.Context, all []wire.KnownVulnerability, f wire.KnownFilter) ([]wire.KnownVulnerability, error) {
	s := a.server
	if s.functions.Lookup == nil {
		return all, nil
	}
	leave, err := a.place(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	records, err := s.functions.Lookup(ctx, spellings(f.IDs))
	if err != nil {
		return nil, err
	}
	found, at := len(all), map[[2]string]int{}
	for n, k := range all {
		at[[2]string{k.ID, k.Namespace}] = n
	}
	seen := map[[4]string]bool{}
	for _, v := range records {
		p := v.Package
		if len(f.Namespaces) > 0 && !slices.ContainsFunc(f.Namespaces, func(n string) bool { return wire.InNamespace(v.Namespace, n) }) ||
			f.Package != "" && p.Name != f.Package || f.PackageVersion != "" && p.Version != f.PackageVersion {
			continue
		}
		key := [2]string{v.ID, v.Namespace}
		n, ok := at[key]
		if !ok {
			n = len(all)
			at[key], all = n, append(all, wire.KnownVulnerabilityOf(v))
		}
		if same := [4]string{v.ID, v.Namespace, p.Name, p.Version}; n < found || seen[same] {
			continue
		} else {
			seen[same] = true
		}
		r, left := shownPackage(store.Package{Type: p.Type, Name: p.Name, Version: p.Version}), wire.WillNotFix(v)
		r.WillNotFix = &left
		all[n].Packages = append(all[n].Packages, r)
	}
	return all, nil
}

// eachOnce is a list as it is shown, without what is shown already: what differs in
// its purl only is the same there.
func eachOnce[F any, T comparable](list []F, shown func(F) T) []T {
	all, seen := make([]T, 0, len(list)), make(map[T]bool, len(list))
	for _, f := range list {
		if one := shown(f); !seen[one] {
			seen[one] = true
			all = append(all, one)
		}
	}
	return all
}

func severityOf(k store.Known) string { return cmp.Or(k.Severity, "Unknown") }

// spellings are names as they were given and in capitals, which is how most
// vulnerabilities are called.
func spellings(names []string) []string {
	var all []string
	for _, n := range names {
		all = append(all, n, strings.ToUpper(n))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// slice is the part of an answer that a page asks for, and one row more, which
// tells whether another page follows.
func slice(p *wire.PageRequest) (store.Slice, error) {
	set(&p.Page, 1)
	switch {
	case p.Page < 1 || p.Page > maxPage:
		return store.Slice{}, noPage("list", p.Page)
	case p.Limit < 0:
		return store.Slice{}, noLimit("list", p.Limit, maxPageLimit)
	case p.Limit == 0:
		p.Page = 1 // everything is on it
		return store.Slice{}, nil
	}
	p.Limit = min(p.Limit, maxPageLimit)
	return store.Slice{Offset: (p.Page - 1) * p.Limit, Limit: p.Limit + 1}, nil
}

// paged are the rows of a page, without the one more, and its head.
func paged[T any](r wire.PageRequest, rows []T) ([]T, wire.Page) {
	p := pager{PageRequest: r, rows: len(rows)}
	if r.Limit > 0 {
		rows = rows[:min(r.Limit, len(rows))]
	}
	return rows, p.head()
}

// pager counts the rows of a page.
type pager struct {
	wire.PageRequest
	rows int // with the one more
}

// each is visit without the one more.
func (p *pager) each(visit func(store.Holder) error) func(store.Holder) error {
	return func(h store.Holder) error {
		if p.rows++; p.Limit > 0 && p.rows > p.Limit {
			return nil
		}
		return visit(h)
	}
}

func (p *pager) head() wire.Page {
	head := wire.Page{Page: strconv.Itoa(p.Page), Returned: p.rows}
	if p.Limit > 0 && p.rows > p.Limit {
		head.Returned, head.NextPage = p.Limit, strconv.Itoa(p.Page+1)
	}
	return head
}

func referenceOf(i store.Image, tags []store.Tag) wire.ImageReference {
	r := wire.ImageReference{Digest: i.Digest, ImageID: i.ImageID, Tags: []wire.TagEntry{}}
	if !i.AnalyzedAt.IsZero() {
		r.AnalyzedAt = i.AnalyzedAt.Format(time.RFC3339)
	}
	for _, t := range tags {
		if t.Tag == "" {
			continue
		}
		r.Tags = append(r.Tags, wire.TagEntry{
			FullTag: nameOf(t).FullTag(), Registry: t.Registry, Repository: t.Repository, Tag: t.Tag, DetectedAt: t.DetectedAt,
		})
	}
	return r
}

func shownPackage(p store.Package) wire.PackageReference {
	kind, _ := wire.PackageType(p.Type)
	return wire.PackageReference{Name: p.Name, Version: p.Version, Type: kind}
}
