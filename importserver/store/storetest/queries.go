package storetest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/importserver/store"
)

// found writes that an advisory, which is a CVE too, was matched to a package.
func found(t *testing.T, s *store.Store, image int64, p store.Package, describe string, ids map[string]int64) {
	t.Helper()
	in(t, s, func(ctx context.Context, tx *store.Tx) error {
		return tx.SetReport(ctx, image, store.Report{Matches: report.Matches{Vulnerabilities: []report.Vulnerability{{
			ID: "GHSA-1", Namespace: "github:language:javascript", Severity: "Low", Description: describe,
			Related: []report.Related{{ID: "CVE-1", Namespace: "nvd:cpe"}, {ID: "CVE-1", Namespace: "nvd:cpe"}},
			Package: report.Package{Type: p.Type, Name: p.Name, Version: p.Version, PURL: p.PURL},
		}}}}, ids)
	})
}

func digests(holders []store.Holder) []string {
	all := []string{}
	for _, h := range holders {
		digest, _, _ := strings.Cut(string(h.Reference), " ")
		all = append(all, digest)
	}
	return all
}

// rendered has images show their digest, their id and how many tags they have.
func rendered(t *testing.T, s *store.Store) {
	t.Helper()
	err := s.Rendering(t.Context(), func(i store.Image, tags []store.Tag, _ []store.Transition) (store.Rendered, error) {
		r := store.Rendered{Record: []byte("{}"), Reference: fmt.Appendf(nil, "%s %s %d", i.Digest, i.ImageID, len(tags))}
		for _, g := range tags {
			r.Tags = append(r.Tags, fmt.Appendf(nil, "%s of %s", g.Tag, i.Digest))
		}
		return r, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func byPackage(t *testing.T, s *store.Store, q store.PackageQuery, part store.Slice) (all []store.Holder) {
	t.Helper()
	if err := s.View().ByPackage(t.Context(), "a", q, part, func(h store.Holder) error { all = append(all, h); return nil }); err != nil {
		t.Error(err)
	}
	return all
}

func byVulnerability(t *testing.T, s *store.Store, numbers []int64, part store.Slice) (all []store.Holder) {
	t.Helper()
	q := store.VulnerabilityQuery{Vulnerabilities: numbers}
	if err := s.View().ByVulnerability(t.Context(), "a", q, part, func(h store.Holder) error { all = append(all, h); return nil }); err != nil {
		t.Error(err)
	}
	return all
}

func queries(t *testing.T, s *store.Store) {
	rendered(t, s)
	one, two, other := put(t, s, "one"), put(t, s, "two"), put(t, s, "other", "b")
	p := store.Package{Type: "npm", Name: "p", Version: "1", PURL: "pkg:p"}
	newer := store.Package{Type: "npm", Name: "p", Version: "2", PURL: "pkg:p"}
	ids := setPackages(t, s, one.ID, []store.Package{p, newer})
	setPackages(t, s, two.ID, []store.Package{newer})
	theirs := setPackages(t, s, other.ID, []store.Package{p})
	found(t, s, one.ID, p, "as it was", ids)
	found(t, s, two.ID, store.Package{Type: "npm", Name: "lost", Version: "3"}, "as it is", nil) // a match whose package has no row
	found(t, s, other.ID, p, "as others have it", theirs)

	view, ctx := s.View(), t.Context()
	for query, want := range map[store.Slice][]string{
		{}: {"one", "two"}, {Limit: 1}: {"one"}, {Limit: 1, Offset: 1}: {"two"}, {Limit: 5, Offset: 2}: {}, {Limit: 5}: {"one", "two"},
	} {
		if diff := cmp.Diff(want, digests(byPackage(t, s, store.PackageQuery{Name: "p"}, query))); diff != "" {
			t.Errorf("%+v: %s", query, diff)
		}
	}
	got := byPackage(t, s, store.PackageQuery{Name: "p", Version: "2", Types: []string{"deb", "npm"}}, store.Slice{})
	if len(got) != 2 || len(got[0].Packages) != 1 || got[0].Packages[0].Package != newer || !strings.HasPrefix(string(got[0].Reference), "one id-one ") {
		t.Errorf("%+v", got)
	}

	for _, name := range []string{"CVE-1", "GHSA-1"} {
		known, err := view.Vulnerabilities(ctx, "a", []string{"x", name})
		if err != nil || len(known) != 2 || known[0].Description != "as it is" || known[1].Description != "as it was" {
			t.Fatalf("%s: %+v, %v", name, known, err)
		}
		numbers := []int64{known[0].Number, known[1].Number}
		got := byVulnerability(t, s, numbers, store.Slice{Limit: 2})
		if diff := cmp.Diff([]string{"one", "two"}, digests(got)); diff != "" {
			t.Fatalf("%s: %s", name, diff)
		}
		if got[0].Packages[0].Package != p || got[1].Packages[0].Name != "lost" || got[1].Packages[0].Vulnerability != known[0].Number {
			t.Errorf("%s: %+v", name, got)
		}
		affected, err := view.Affected(ctx, "a", numbers)
		if diff := cmp.Diff(map[int64][]store.Package{known[1].Number: {p}}, affected); diff != "" || err != nil {
			t.Errorf("%s: %v, %s", name, err, diff)
		}
	}
	if got := byVulnerability(t, s, nil, store.Slice{}); len(got) != 0 {
		t.Errorf("of no vulnerability: %v", got)
	}
	in(t, s, func(ctx context.Context, tx *store.Tx) error {
		return tx.DeleteImage(ctx, two.ID)
	})
	in(t, s, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.DropUnused(ctx)
		return err
	})
	if known, err := view.Vulnerabilities(ctx, "a", []string{"CVE-1"}); err != nil || len(known) != 1 {
		t.Errorf("once the image is deleted: %v, %v", known, err)
	}
}

// manyHolders are more images than one statement tells of.
func manyHolders(t *testing.T, s *store.Store) {
	rendered(t, s)
	p := store.Package{Type: "npm", Name: "p", Version: "1"}
	var want []string
	in(t, s, func(ctx context.Context, tx *store.Tx) error {
		for n := range 1250 {
			i := store.Image{Account: "a", Digest: fmt.Sprintf("%04d", n), CreatedAt: start}
			want = append(want, i.Digest)
			if err := tx.InsertImage(ctx, &i); err != nil {
				return err
			}
			if err := tx.PutTag(ctx, store.Tag{Image: i.ID, Account: "a", Registry: "r", Repository: "x", Tag: i.Digest, CreatedAt: start}); err != nil {
				return err
			}
			if _, err := tx.SetPackages(ctx, i.ID, []store.Package{p}); err != nil {
				return err
			}
		}
		return nil
	})
	for limit, some := range map[int][]string{0: want, 1100: want[:1100]} {
		got := byPackage(t, s, store.PackageQuery{Name: "p"}, store.Slice{Limit: limit})
		if diff := cmp.Diff(some, digests(got)); diff != "" {
			t.Error(diff)
		}
		for _, h := range got {
			if !strings.HasSuffix(string(h.Reference), " 1") || len(h.Packages) != 1 || h.Packages[0].Package != p {
				t.Errorf("%+v", h)
			}
		}
	}
	var tagged []string
	q := store.TaggedQuery{Slice: store.Slice{Limit: 3, Offset: 1247}}
	total, err := s.View().Tagged(t.Context(), "a", q, func(summary []byte) error { tagged = append(tagged, string(summary)); return nil })
	if err != nil || len(tagged) != 3 || total != 1250 || tagged[2] != "0000 of 0000" {
		t.Errorf("%+v of %d, %v", tagged, total, err)
	}
	q = store.TaggedQuery{Order: []store.Order{{By: "i.digest; --"}}}
	if _, err := s.View().Tagged(t.Context(), "a", q, func([]byte) error { return nil }); err == nil {
		t.Error("an order that there is none of is taken")
	}
}
