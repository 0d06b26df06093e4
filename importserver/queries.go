package importserver

import (
	"cmp"
	"context"
	"encoding/json"
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

// ImagesByPackage are the account's images that have a package.
func (a *Account) ImagesByPackage(ctx context.Context, f wire.PackageFilter) (answer wire.ImagesByPackage, err error) {
	answer.Images = []wire.ImageWithPackages{}
	answer.Page, err = a.eachWithPackage(ctx, f, func(reference []byte, packages []wire.PackageReference) error {
		one := wire.ImageWithPackages{Packages: packages}
		err := json.Unmarshal(reference, &one.Image)
		answer.Images = append(answer.Images, one)
		return err
	})
	return answer, err
}

// eachWithPackage visits the account's images that have a package, each as it was
// rendered, and gives the head of the page.
func (a *Account) eachWithPackage(ctx context.Context, f wire.PackageFilter, visit func(reference []byte, packages []wire.PackageReference) error) (wire.Page, error) {
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
		var all []wire.PackageReference
		for _, held := range h.Packages {
			all = with(all, shownPackage(held.Package))
		}
		return visit(h.Reference, all)
	}))
	return p.head(), err
}

// ImagesByVulnerability are the account's images in which a vulnerability was found.
func (a *Account) ImagesByVulnerability(ctx context.Context, f wire.ByVulnerabilityFilter) (answer wire.ImagesByVulnerability, err error) {
	answer.Images = []wire.VulnerableImage{}
	answer.Page, err = a.eachWithVulnerability(ctx, f, func(reference []byte, packages []wire.VulnerablePackage) error {
		one := wire.VulnerableImage{Packages: packages}
		err := json.Unmarshal(reference, &one.Image)
		answer.Images = append(answer.Images, one)
		return err
	})
	return answer, err
}

// eachWithVulnerability visits the account's images in which a vulnerability was
// found, each as it was rendered, and gives the head of the page.
func (a *Account) eachWithVulnerability(ctx context.Context, f wire.ByVulnerabilityFilter, visit func(reference []byte, packages []wire.VulnerablePackage) error) (wire.Page, error) {
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
		var all []wire.VulnerablePackage
		for _, held := range h.Packages {
			k, r := records[held.Vulnerability], shownPackage(held.Package)
			all = with(all, wire.VulnerablePackage{
				Name: r.Name, Version: r.Version, Type: r.Type, Namespace: k.Namespace, Severity: severityOf(k), VulnerabilityID: k.ID,
			})
		}
		return visit(h.Reference, all)
	}))
	return p.head(), err
}

// KnownVulnerabilities are records of vulnerabilities that were found in the
// account's images, and where: what nobody of the account has, it is told nothing of.
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
	if err != nil {
		return wire.KnownVulnerabilities{}, err
	}
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
	affected, err := view.Affected(ctx, a.name, numbers)
	if err != nil {
		return nil, err
	}
	all, at := []wire.KnownVulnerability{}, map[[2]string]int{}
	seen := map[[5]string]bool{}
	for _, k := range known {
		for _, p := range affected[k.Number] {
			if f.Package != "" && p.Name != f.Package || f.PackageVersion != "" && p.Version != f.PackageVersion {
				continue
			}
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
	slices.SortStableFunc(all, func(a, b wire.KnownVulnerability) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Namespace, b.Namespace))
	})
	return all, nil
}

// with is a list with one more, unless that is there already: what differs in its
// purl only is the same here.
func with[T comparable](list []T, one T) []T {
	if slices.Contains(list, one) {
		return list
	}
	return append(list, one)
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
		return store.Slice{}, fault.New(fault.Invalid, "there is no page %d", p.Page)
	case p.Limit < 0 || p.Limit > maxPageLimit:
		return store.Slice{}, fault.New(fault.Invalid, "a page cannot have %d rows", p.Limit)
	case p.Limit == 0:
		p.Page = 1 // everything is on it
		return store.Slice{}, nil
	}
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
