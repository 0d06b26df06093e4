package storetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/importserver/store"
)

// found writes that an advisory, which is a CVE too, was matched to a package.
func found(t *testing.T, s *store.Store, image int64, p store.Package, describe string) {
	t.Helper()
	in(t, s, func(ctx context.Context, tx *store.Tx) error {
		return tx.SetReport(ctx, image, store.Report{Matches: report.Matches{Vulnerabilities: []report.Vulnerability{{
			ID: "GHSA-1", Namespace: "github:language:javascript", Severity: "Low", Description: describe,
			Related: []report.Related{{ID: "CVE-1", Namespace: "nvd:cpe"}, {ID: "CVE-1", Namespace: "nvd:cpe"}},
			Package: report.Package{Type: p.Type, Name: p.Name, Version: p.Version, PURL: p.PURL},
		}}}})
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
	err := s.Rendering(t.Context(), "1", func(i store.Image, tags []store.Tag, _ []store.Transition) (store.Rendered, error) {
		r := store.Rendered{Record: []byte("{}"), Summary: []byte("of " + i.Digest), Reference: fmt.Appendf(nil, "%s %s %d", i.Digest, i.ImageID, len(tags))}
		for _, g := range tags {
			r.Tags = append(r.Tags, fmt.Appendf(nil, ": %s", g.Tag))
		}
		return r, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func keep(all *[]store.Holder) func(store.Holder) error {
	return func(h store.Holder) error {
		h.Reference = slices.Clone(h.Reference)
		*all = append(*all, h)
		return nil
	}
}

func byPackage(t *testing.T, s *store.Store, q store.PackageQuery, part store.Slice) (all []store.Holder) {
	t.Helper()
	if err := s.View().ByPackage(t.Context(), "a", q, part, keep(&all)); err != nil {
		t.Error(err)
	}
	return all
}

func byVulnerability(t *testing.T, s *store.Store, numbers []int64, part store.Slice) (all []store.Holder) {
	t.Helper()
	q := store.VulnerabilityQuery{Vulnerabilities: numbers}
	if err := s.View().ByVulnerability(t.Context(), "a", q, part, keep(&all)); err != nil {
		t.Error(err)
	}
	return all
}

func queries(t *testing.T, s *store.Store) {
	rendered(t, s)
	one, two, other := put(t, s, "one"), put(t, s, "two"), put(t, s, "other", "b")
	p := store.Package{Type: "npm", Name: "p", Version: "1", PURL: "pkg:p"}
	newer := store.Package{Type: "npm", Name: "p", Version: "2", PURL: "pkg:p"}
	setPackages(t, s, one.ID, []store.Package{p, newer})
	setPackages(t, s, two.ID, []store.Package{newer})
	setPackages(t, s, other.ID, []store.Package{p})
	found(t, s, one.ID, p, "as it was")
	found(t, s, two.ID, store.Package{Type: "npm", Name: "lost", Version: "3"}, "as it is") // a match whose package has no row
	found(t, s, other.ID, p, "as others have it")

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
		affected, err := view.Affected(ctx, "a", store.AffectedQuery{Vulnerabilities: numbers})
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
	if _, err := s.DropUnused(ctx); err != nil {
		t.Error(err)
	}
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
			if err := tx.SetPackages(ctx, i.ID, []store.Package{p}); err != nil {
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
	in(t, s, func(ctx context.Context, tx *store.Tx) error { // the last of the first part has two tags of one time
		i, err := tx.Image(ctx, "a", "1000")
		if err != nil {
			return err
		}
		return tx.PutTag(ctx, store.Tag{Image: i.ID, Account: "a", Registry: "r", Repository: "x", Tag: "another", CreatedAt: start})
	})
	slices.Reverse(want)
	all := []string{}
	for _, digest := range want {
		all = append(all, "of "+digest+": "+digest)
		if digest == "1000" {
			all = append(all, "of 1000: another")
		}
	}
	for name, test := range map[string]struct {
		q    store.TaggedQuery
		want []string
	}{
		"all":            {store.TaggedQuery{}, all},
		"all in order":   {store.TaggedQuery{Order: []store.Order{{By: "image_digest", Descending: true}}}, all},
		"all of another": {store.TaggedQuery{Repository: "y"}, nil},
		"a page":         {store.TaggedQuery{Slice: store.Slice{Limit: 3, Offset: 1248}}, all[1248:]},
	} {
		var tagged []string
		total, err := s.View().Tagged(t.Context(), "a", test.q, func(some []byte) error {
			tagged = append(tagged, strings.Split(string(some), store.Separator)...)
			return nil
		})
		if test.q.Repository == "" && total != len(all) || err != nil {
			t.Errorf("%s: %d in all, %v", name, total, err)
		}
		if diff := cmp.Diff(test.want, tagged); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for limit, want := range map[int]int{0: 1250, 1: 1, 500: 500, 501: 501, 1000: 1000, 1250: 1250, 3000: 1250} {
		records := 0
		err := s.View().Records(t.Context(), "a", store.RecordQuery{Limit: limit}, func(some []byte) error {
			records += 1 + strings.Count(string(some), store.Separator)
			return nil
		})
		if err != nil || records != want {
			t.Errorf("of %d records at most: %d, %v", limit, records, err)
		}
	}
	q := store.TaggedQuery{Order: []store.Order{{By: "i.digest; --"}}}
	if _, err := s.View().Tagged(t.Context(), "a", q, func([]byte) error { return nil }); err == nil {
		t.Error("an order that there is none of is taken")
	}
}
