package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/importserver/store"
)

// many are more packages than one statement looks up.
func many(n int) []store.Package {
	var all []store.Package
	for i := range n {
		all = append(all, store.Package{Type: []string{"deb", "npm"}[i%2], Name: fmt.Sprint("p", i), Version: "1", PURL: "pkg:x"})
	}
	return all
}

// setPackages also gives the numbers of the packages that the image has then.
func setPackages(t *testing.T, s *store.Store, image int64, all []store.Package) map[string]int64 {
	t.Helper()
	in(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.SetPackages(ctx, image, all) })
	ids, err := s.View().PackageIDs(t.Context(), image)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func packages(t *testing.T, s *store.Store) {
	one, two := put(t, s, "one"), put(t, s, "two")
	all := many(500)
	first := setPackages(t, s, one.ID, append(all, all[0]))
	second := setPackages(t, s, two.ID, all[:300])
	if len(first) != 500 || len(second) != 300 {
		t.Fatalf("%d and %d packages have a number", len(first), len(second))
	}
	for hash, id := range second {
		if first[hash] != id {
			t.Fatalf("package %s has two numbers", hash)
		}
	}
	if others := setPackages(t, s, two.ID, all[200:400]); len(others) != 200 {
		t.Errorf("%d packages, want those of the second half that are there still and those that are new", len(others))
	}
	setPackages(t, s, two.ID, all[:300])
	setPackages(t, s, one.ID, all[:1])
	types, err := s.View().PackageTypes(t.Context(), one.ID)
	if diff := cmp.Diff([]string{"deb"}, types); diff != "" || err != nil {
		t.Errorf("%v, %s", err, diff)
	}
	if n, err := s.DropUnused(t.Context()); err != nil || n != 200 {
		t.Errorf("dropped %d packages, want 200: %v", n, err)
	}
	setPackages(t, s, one.ID, nil)
}

func matches(n int) report.Matches {
	m := report.Matches{
		Database: report.Database{Present: true, Digest: "d", Built: start}, Ignored: 3, Notes: []string{"a note"},
		Vulnerabilities: []report.Vulnerability{},
	}
	for i := range n {
		m.Vulnerabilities = append(m.Vulnerabilities, report.Vulnerability{
			ID: fmt.Sprint("CVE-", i/2), Namespace: "n", Severity: "High", FixState: "fixed", FixVersions: []string{"2"},
			Description: "text", CVSS: []report.CVSS{{Version: "3.1", Base: 9.8}}, Risk: 1.5, Published: start,
			Package:  report.Package{ID: fmt.Sprint("id", i), Name: fmt.Sprint("p", i), Version: "1", Type: []string{"deb", "npm"}[i%2], PURL: "pkg:x", Paths: []string{"/x"}},
			Evidence: []report.Evidence{{Type: "exact", Matcher: "m"}},
		})
	}
	return m
}

func reports(t *testing.T, s *store.Store) {
	i := put(t, s, "one")
	setPackages(t, s, i.ID, many(10))
	if _, err := s.View().Report(t.Context(), i.ID); !errors.Is(err, store.ErrNone) {
		t.Errorf("a report before there is one: %v", err)
	}
	for _, n := range []int{500, 3, 0} {
		want := store.Report{Evidence: "e", Matches: matches(n), CreatedAt: start}
		in(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.SetReport(ctx, i.ID, want) })
		got, err := s.View().Report(t.Context(), i.ID)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%d matches: %v, %s", n, err, diff)
		}
		countMatches(t, s, i.ID, n)
	}
	if n, err := s.DropUnused(t.Context()); err != nil || n != 250 { // two packages share each vulnerability
		t.Errorf("dropped %d vulnerabilities, want 250: %v", n, err)
	}
}

// partlyNew is a report of which some matches stay, some change, some go and some come.
func partlyNew(t *testing.T, s *store.Store) {
	i := put(t, s, "one")
	setPackages(t, s, i.ID, many(10))
	set := func(m report.Matches) {
		t.Helper()
		want := store.Report{Evidence: "e", Matches: m, CreatedAt: start}
		in(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.SetReport(ctx, i.ID, want) })
		got, err := s.View().Report(t.Context(), i.ID)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v, (-want +got):\n%s", err, diff)
		}
	}
	set(matches(6))
	other := matches(6)
	other.Database.Digest = "other"
	other.Vulnerabilities[2].Severity = "Low"
	other.Vulnerabilities[3].Package.Paths = []string{"/elsewhere"}
	other.Vulnerabilities = slices.Delete(other.Vulnerabilities, 4, 5)
	set(other)
	other.Vulnerabilities = append(matches(8).Vulnerabilities[6:], other.Vulnerabilities...)
	set(other)
	set(other)
}

func policies(t *testing.T, s *store.Store) {
	for _, id := range []string{"one", "two"} {
		p := store.Policy{Account: "a", Policy: policy.Policy{ID: id, Name: "n"}, CreatedAt: start, UpdatedAt: start}
		in(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.PutPolicy(ctx, p) })
	}
	if _, err := s.View().ActivePolicy(t.Context(), "a"); !errors.Is(err, store.ErrNone) {
		t.Errorf("active before any is: %v", err)
	}
	for _, id := range []string{"one", "two"} {
		in(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.ActivatePolicy(ctx, "a", id) })
		got, err := s.View().ActivePolicy(t.Context(), "a")
		if err != nil || got.Policy.ID != id {
			t.Errorf("active is %+v, %v", got, err)
		}
	}
	err := s.InTx(t.Context(), func(tx *store.Tx) error { return tx.ActivatePolicy(t.Context(), "b", "one") })
	if !errors.Is(err, store.ErrNone) {
		t.Errorf("another account's: %v", err)
	}
	changed := store.Policy{Account: "a", Policy: policy.Policy{ID: "two", Name: "other"}, CreatedAt: start.Add(time.Hour), UpdatedAt: start.Add(time.Hour)}
	in(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.PutPolicy(ctx, changed) })
	changed.CreatedAt, changed.Active, changed.Digest = start, true, store.PolicyDigest(changed.Policy)
	got, err := s.View().Policy(t.Context(), "a", "two")
	if diff := cmp.Diff(changed, got); diff != "" || err != nil {
		t.Errorf("%v, %s", err, diff)
	}
	in(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.DeletePolicy(ctx, "a", "one") })
	if all, err := s.View().Policies(t.Context(), "a"); err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
}

func database(digest string) report.Database {
	return report.Database{Present: true, SchemaVersion: "v6", Built: start, Digest: digest, Source: "s"}
}

func evaluations(t *testing.T, s *store.Store) {
	i := put(t, s, "one")
	e := store.Evaluation{Image: i.ID, Tag: "t", Policy: "p", PolicyDigest: "1", Database: database("d"), Evidence: "e", At: start, Result: report.Evaluation{PolicyID: "p", Status: report.Pass}}
	keep := func(e store.Evaluation) {
		in(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.PutEvaluation(ctx, e) })
	}
	keep(e)
	e.At, e.Result.Status = start.Add(time.Minute), report.Fail
	keep(e)
	other := e
	other.PolicyDigest, other.At = "2", start.Add(time.Hour)
	keep(other)
	got, err := s.View().Evaluations(t.Context(), i.ID, "t", "p", 10, 1<<20)
	if diff := cmp.Diff([]store.Evaluation{other, e}, got); diff != "" || err != nil {
		t.Errorf("%v, %s", err, diff)
	}
	for size, want := range map[int]int{1: 1, 40: 1, 1 << 20: 2} {
		if got, err := s.View().Evaluations(t.Context(), i.ID, "t", "p", 10, size); err != nil || len(got) != want || got[0].PolicyDigest != "2" {
			t.Errorf("of at most %d bytes: %d verdicts, %v; want the newest %d", size, len(got), err, want)
		}
	}
	later := other
	for n := range 120 {
		later.Database, later.At = database(fmt.Sprint("d", n)), start.Add(time.Duration(n+2)*time.Hour)
		keep(later)
	}
	elsewhere := e
	elsewhere.Tag = "u"
	keep(elsewhere)
	for tag, want := range map[string]int{"t": 100, "u": 1} {
		got, err := s.View().Evaluations(t.Context(), i.ID, tag, "p", 1000, 1<<20)
		if err != nil || len(got) != want {
			t.Errorf("%d verdicts under tag %s are kept, %v; want %d", len(got), tag, err, want)
		} else if tag == "t" && got[0].Database != later.Database {
			t.Errorf("the newest verdict is of database %s", got[0].Database.Digest)
		}
	}
	for name, value := range map[string]string{"first": "", "then": "x"} {
		if got, err := s.View().Setting(t.Context(), name); got != "" || err != nil {
			t.Errorf("a setting that is not set: %q, %v", got, err)
		}
		in(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.SetSetting(ctx, name, value) })
		if got, err := s.View().Setting(t.Context(), name); got != value || err != nil {
			t.Errorf("setting: %q, %v", got, err)
		}
	}
}

func countMatches(t *testing.T, s *store.Store, image int64, want int) {
	t.Helper()
	if n, err := s.View().CountMatches(t.Context(), image); err != nil || n != want {
		t.Errorf("%d matches are counted, %v; want %d", n, err, want)
	}
}

func deletion(t *testing.T, s *store.Store) {
	i := queued(t, s, "one", store.Work{Stage: "assess", NotBefore: start, CreatedAt: start})
	setPackages(t, s, i.ID, many(3))
	b := blob(t, s, "b", start)
	in(t, s, func(ctx context.Context, tx *store.Tx) error {
		return errors.Join(
			tx.SetReport(ctx, i.ID, store.Report{Matches: matches(3)}),
			tx.SetParts(ctx, i.ID, []store.Part{{Kind: "k", Digest: b.Digest, Generation: b.Generation}}),
			tx.PutTag(ctx, store.Tag{Image: i.ID, Account: "a", Registry: "r", Repository: "p", Tag: "t"}),
			tx.Record(ctx, store.Transition{Image: i.ID, At: start}),
			tx.PutEvaluation(ctx, store.Evaluation{Image: i.ID, Tag: "t", Policy: "p"}),
		)
	})
	in(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.DeleteImage(ctx, i.ID) })
	view, ctx := s.View(), t.Context()
	if _, err := view.Work(ctx, i.ID); !errors.Is(err, store.ErrNone) {
		t.Errorf("work is left: %v", err)
	}
	if _, err := view.Newest(ctx, "a", "r", "p", "t"); !errors.Is(err, store.ErrNone) {
		t.Errorf("a tag is left: %v", err)
	}
	if n := giveUp(t, s, start.Add(time.Hour)); n != 1 {
		t.Errorf("%d blobs were given up, want its only one", n)
	}
	if n, err := s.DropUnused(t.Context()); err != nil || n != 5 { // three packages, two vulnerabilities
		t.Errorf("dropped %d rows, want 5: %v", n, err)
	}
	err := s.InTx(ctx, func(tx *store.Tx) error { return tx.DeleteImage(ctx, i.ID) })
	if !errors.Is(err, store.ErrNone) {
		t.Errorf("deleted twice: %v", err)
	}
}
