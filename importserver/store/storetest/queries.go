package storetest

import (
	"context"
	"fmt"
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
		all = append(all, h.Digest)
	}
	return all
}

func queries(t *testing.T, s *store.Store) {
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
		got, err := view.ByPackage(ctx, "a", store.PackageQuery{Name: "p"}, query)
		if diff := cmp.Diff(want, digests(got)); diff != "" || err != nil {
			t.Errorf("%+v: %v, %s", query, err, diff)
		}
	}
	got, err := view.ByPackage(ctx, "a", store.PackageQuery{Name: "p", Version: "2", Types: []string{"deb", "npm"}}, store.Slice{})
	if err != nil || len(got) != 2 || len(got[0].Packages) != 1 || got[0].Packages[0].Package != newer || got[0].ImageID != "id-one" {
		t.Errorf("%+v, %v", got, err)
	}

	for _, name := range []string{"CVE-1", "GHSA-1"} {
		known, err := view.Vulnerabilities(ctx, "a", []string{"x", name})
		if err != nil || len(known) != 2 || known[0].Description != "as it is" || known[1].Description != "as it was" {
			t.Fatalf("%s: %+v, %v", name, known, err)
		}
		numbers := []int64{known[0].Number, known[1].Number}
		got, err := view.ByVulnerability(ctx, "a", store.VulnerabilityQuery{Vulnerabilities: numbers}, store.Slice{Limit: 2})
		if diff := cmp.Diff([]string{"one", "two"}, digests(got)); diff != "" || err != nil {
			t.Fatalf("%s: %v, %s", name, err, diff)
		}
		if got[0].Packages[0].Package != p || got[1].Packages[0].Name != "lost" || got[1].Packages[0].Vulnerability != known[0].Number {
			t.Errorf("%s: %+v", name, got)
		}
		affected, err := view.Affected(ctx, "a", numbers)
		if diff := cmp.Diff(map[int64][]store.Package{known[1].Number: {p}}, affected); diff != "" || err != nil {
			t.Errorf("%s: %v, %s", name, err, diff)
		}
	}
	if got, err := view.ByVulnerability(ctx, "a", store.VulnerabilityQuery{}, store.Slice{}); err != nil || len(got) != 0 {
		t.Errorf("of no vulnerability: %v, %v", got, err)
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
		got, err := s.View().ByPackage(t.Context(), "a", store.PackageQuery{Name: "p"}, store.Slice{Limit: limit})
		if diff := cmp.Diff(some, digests(got)); diff != "" || err != nil {
			t.Errorf("%v, %s", err, diff)
		}
		for _, h := range got {
			if len(h.Tags) != 1 || h.Tags[0].Tag != h.Digest || len(h.Packages) != 1 || h.Packages[0].Package != p {
				t.Errorf("%+v", h)
			}
		}
	}
	tagged, total, err := s.View().Tagged(t.Context(), "a", store.TaggedQuery{Slice: store.Slice{Limit: 3, Offset: 1247}})
	if err != nil || len(tagged) != 3 || total != 1250 || tagged[2].Digest != "0000" {
		t.Errorf("%+v of %d, %v", tagged, total, err)
	}
	if _, _, err := s.View().Tagged(t.Context(), "a", store.TaggedQuery{Order: []store.Order{{By: "i.digest; --"}}}); err == nil {
		t.Error("an order that there is none of is taken")
	}
}
