package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/importserver/store"
)

// withPackages has images of the account "a" with so many versions each of "x".
func withPackages(t *testing.T, url string, versions ...int) *store.Store {
	t.Helper()
	s := openURL(t, url)
	err := s.Rendering(t.Context(), "1", func(i store.Image, _ []store.Tag, _ []store.Transition) (store.Rendered, error) {
		return store.Rendered{Record: []byte("{}"), Reference: []byte(i.Digest), Summary: []byte("{")}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for n, versions := range versions {
		err := s.InTx(t.Context(), func(tx *store.Tx) error {
			i := store.Image{Account: "a", Digest: fmt.Sprint("image ", n), CreatedAt: time.Now()}
			if err := tx.InsertImage(t.Context(), &i); err != nil {
				return err
			}
			var all []store.Package
			for v := range versions {
				all = append(all, store.Package{Type: "npm", Name: "x", Version: fmt.Sprint(v)})
			}
			return tx.SetPackages(t.Context(), i.ID, all)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// TestHoldersInPieces asks for more than one statement reads.
func TestHoldersInPieces(t *testing.T) {
	defer store.Holding(3, 4)()
	for name, url := range map[string]func(*testing.T) string{
		"SQLite":     func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "x.db") },
		"PostgreSQL": func(t *testing.T) string { return schema(t) },
	} {
		t.Run(name, func(t *testing.T) {
			s := withPackages(t, url(t), 3, 1, 2, 2, 3, 1, 1, 1, 1)
			all := []string{"0 3 1", "1 1 2", "2 2 3", "3 2 3", "4 3 1", "5 1 2", "6 1 2", "7 1 2", "8 1 2"} // image, packages, number
			for part, want := range map[store.Slice][]string{
				{}: all, {Limit: 9}: all, {Limit: 20}: all, {Limit: 3, Offset: 1}: {"1 1 1", "2 2 2", "3 2 2"}, {Limit: 5, Offset: 9}: nil,
			} {
				var got []string
				err := s.View().ByPackage(t.Context(), "a", store.PackageQuery{Name: "x"}, part, func(h store.Holder) error {
					got = append(got, fmt.Sprint(strings.TrimPrefix(string(h.Reference), "image "), " ", len(h.Packages), " ", h.Same))
					return nil
				})
				if diff := cmp.Diff(want, got); diff != "" || err != nil {
					t.Errorf("%+v: %v, %s", part, err, diff)
				}
			}
		})
	}
}

// TestTooManyHeld asks for what one image has more of than is told.
func TestTooManyHeld(t *testing.T) {
	defer store.Holding(3, 4)()
	for n, versions := range [][]int{{1, 4}, {1, 5}, {4}, {9, 1}} {
		s := withPackages(t, "sqlite:"+filepath.Join(t.TempDir(), "x.db"), versions...)
		told := 0
		ask := func(ctx context.Context, q store.PackageQuery, part store.Slice) error {
			told = 0
			return s.View().ByPackage(ctx, "a", q, part, func(store.Holder) error { told++; return nil })
		}
		if err := ask(t.Context(), store.PackageQuery{Name: "x"}, store.Slice{}); fault.Of(err) != fault.TooLarge || fault.Hint(err) == "" {
			t.Errorf("%d: %v after %d images", n, err, told)
		}
		if err := ask(t.Context(), store.PackageQuery{Name: "x", Version: "0"}, store.Slice{}); err != nil || told != len(versions) {
			t.Errorf("%d: of one version: %v, %d images", n, err, told)
		}
	}
}

// TestHoldersOfNobody ends a question whose client has gone while it is answered.
func TestHoldersOfNobody(t *testing.T) {
	s := withPackages(t, "sqlite:"+filepath.Join(t.TempDir(), "x.db"), 1, 1, 1)
	ctx, gone := context.WithCancel(t.Context())
	told := 0
	err := s.View().ByPackage(ctx, "a", store.PackageQuery{Name: "x"}, store.Slice{}, func(store.Holder) error { told++; gone(); return nil })
	if !errors.Is(err, context.Canceled) || told != 1 {
		t.Errorf("%v after %d images", err, told)
	}
}

// TestTooManyAffected asks where vulnerabilities were found that were found in too much.
func TestTooManyAffected(t *testing.T) {
	defer store.Holding(3, 4)()
	s := withPackages(t, "sqlite:"+filepath.Join(t.TempDir(), "x.db"), 4)
	var all []report.Vulnerability
	for n := range 4 {
		all = append(all, report.Vulnerability{ID: "CVE-1", Package: report.Package{Type: "npm", Name: "x", Version: fmt.Sprint(n)}})
	}
	err := s.InTx(t.Context(), func(tx *store.Tx) error {
		return tx.SetReport(t.Context(), 1, store.Report{Matches: report.Matches{Vulnerabilities: all}})
	})
	if err != nil {
		t.Fatal(err)
	}
	known, err := s.View().Vulnerabilities(t.Context(), "a", []string{"CVE-1"})
	if err != nil || len(known) != 1 {
		t.Fatalf("%v, %v", known, err)
	}
	q := store.AffectedQuery{Vulnerabilities: []int64{known[0].Number}, Package: "x"}
	if got, err := s.View().Affected(t.Context(), "a", q); fault.Of(err) != fault.TooLarge || fault.Hint(err) == "" {
		t.Errorf("%v, %v", got, err)
	}
	q.Version = "2"
	if got, err := s.View().Affected(t.Context(), "a", q); err != nil || len(got[known[0].Number]) != 1 {
		t.Errorf("of one version: %v, %v", got, err)
	}
	err = s.View().ByVulnerability(t.Context(), "a", store.VulnerabilityQuery{Vulnerabilities: q.Vulnerabilities}, store.Slice{}, func(store.Holder) error { return nil })
	if fault.Of(err) != fault.TooLarge {
		t.Errorf("by vulnerability: %v", err)
	}
}

// TestQuestionsLookAtTheAccountFirst reads how SQLite answers: it must not look at names,
// packages or vulnerabilities that others have.
func TestQuestionsLookAtTheAccountFirst(t *testing.T) {
	url := "sqlite:" + filepath.Join(t.TempDir(), "x.db")
	s := withPackages(t, url, 3, 1)
	var queries []string
	s.Watch(func(query string) { queries = append(queries, query) })
	none := func(store.Holder) error { return nil }
	view, ctx := s.View(), t.Context()
	_, known := view.Vulnerabilities(ctx, "a", []string{"CVE-1"})
	err := errors.Join(
		view.ByPackage(ctx, "a", store.PackageQuery{Name: "x"}, store.Slice{}, none),
		view.ByPackage(ctx, "a", store.PackageQuery{Name: "x", Version: "1", Types: []string{"npm"}}, store.Slice{Limit: 2}, none),
		view.ByVulnerability(ctx, "a", store.VulnerabilityQuery{Vulnerabilities: []int64{1}, Package: "x"}, store.Slice{Limit: 2}, none), known)
	if err != nil {
		t.Fatal(err)
	}
	s.Watch(nil)
	s.Close()
	found, parameter := 0, regexp.MustCompile(`\$[0-9]+`)
	err = store.Migrating(ctx, url, func(db *sql.DB, _ *goose.Provider) error {
		for _, query := range queries {
			for _, step := range rowsOf(t, db, `EXPLAIN QUERY PLAN `+parameter.ReplaceAllString(query, `'x'`)) {
				what := step[len(step)-1]
				if strings.Contains(what, "by_name") {
					found++
				}
				if strings.Contains(what, "packages_by_name (name") || strings.HasPrefix(what, "SCAN") && !strings.Contains(what, "SCAN x") && !strings.Contains(what, "CONSTANT") {
					t.Errorf("%s\nin %s", what, query)
				}
			}
		}
		return nil
	})
	if err != nil || found < 4 {
		t.Errorf("%v; %d look-ups by name in %q", err, found, queries)
	}
}
