// Package storetest is what every store must do, whatever database holds its rows.
package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// Run tries all of a store. open gives one that is empty, and closes it when its
// test ends.
func Run(t *testing.T, open func(*testing.T) *store.Store) {
	for name, test := range map[string]func(*testing.T, *store.Store){
		"images come back as they were put":             images,
		"accounts do not see each other":                accounts,
		"a status moves only from where it is":          moves,
		"a transaction is all or nothing":               transactions,
		"a tag means its newest image":                  tags,
		"evidence is replaced as a whole":               parts,
		"blobs that something refers to are kept":       rubbish,
		"a blob that was given up is another one":       generations,
		"no blob is given up while a hold lives":        holds,
		"blobs without a row are told from the others":  blobRows,
		"an installation has one name":                  installation,
		"uploads of the same bytes are one":             operations,
		"events go that are too old or too many":        events,
		"work is claimed once":                          claims,
		"work is claimed in order":                      order,
		"a lost lease writes nothing":                   leases,
		"work asked for again is not finished":          again,
		"an image without work is found":                idle,
		"silent processes are found once":               processes,
		"what is worked on is shown":                    tasks,
		"a chore is one process's at a time":            chores,
		"one vulnerability database is published":       vulnerabilityDatabases,
		"packages are rows of their own":                packages,
		"a report comes back as it was put":             reports,
		"a report may change in part":                   partlyNew,
		"packages and vulnerabilities lead to images":   queries,
		"a long answer is told of in pieces":            manyHolders,
		"one policy is active":                          policies,
		"a verdict replaces one that rests on the same": evaluations,
		"changes at once are all kept":                  changesAtOnce,
		"changes at once are all shown":                 shownAtOnce,
		"additions at once are one":                     addsAtOnce,
		"policies added at once are one":                policiesAtOnce,
		"limits hold for all at once":                   limitsAtOnce,
		"packages are shared by those who add at once":  packagesAtOnce,
		"any text can be written":                       strangeText,
		"a deleted image leaves nothing":                deletion,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var start = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)

func in(t *testing.T, s *store.Store, do func(context.Context, *store.Tx) error) {
	t.Helper()
	err := s.InTx(t.Context(), func(tx *store.Tx) error { return do(t.Context(), tx) })
	if err != nil {
		t.Fatal(err)
	}
}

// put adds an image of the account "a", or of the one given.
func put(t *testing.T, s *store.Store, digest string, account ...string) store.Image {
	t.Helper()
	i := store.Image{
		Account: "a", Digest: digest, ParentDigest: "parent", ImageID: "id-" + digest,
		Annotations: map[string]string{"k": "v"}, Request: store.Request{PullString: "x@y", Dockerfile: []byte("FROM x")},
		Status: wire.NotAnalyzed, Origin: "server", Evidence: "e", Facts: store.Facts{Arch: "arm64", Layers: 3},
		CreatedAt: start, UpdatedAt: start.Add(time.Second),
	}
	if len(account) > 0 {
		i.Account = account[0]
	}
	in(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.InsertImage(ctx, &i) })
	return i
}

func images(t *testing.T, s *store.Store) {
	i := put(t, s, "one")
	got, err := s.View().Image(t.Context(), "a", "one")
	if diff := cmp.Diff(i, got); diff != "" || err != nil {
		t.Errorf("%v, %s", err, diff)
	}
	i.Annotations, i.Request, i.Origin, i.UpdatedAt = map[string]string{}, store.Request{}, "client", start.Add(time.Minute)
	in(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.UpdateImage(ctx, i) })
	in(t, s, func(ctx context.Context, tx *store.Tx) error {
		return tx.MarkAnalyzed(ctx, i.ID, start.Add(time.Hour), store.Facts{Gaps: 1})
	})
	i.AnalyzedAt, i.Facts = start.Add(time.Hour), store.Facts{Gaps: 1}
	got, err = s.View().ImageByID(t.Context(), i.ID)
	if diff := cmp.Diff(i, got); diff != "" || err != nil {
		t.Errorf("%v, %s", err, diff)
	}
	if _, err := s.View().Image(t.Context(), "a", "none"); !errors.Is(err, store.ErrNone) {
		t.Errorf("an image that is not there: %v", err)
	}
	err = s.InTx(t.Context(), func(tx *store.Tx) error { return tx.InsertImage(t.Context(), &i) })
	if err == nil {
		t.Error("an account has two images of one digest")
	}
	counts, err := s.View().CountImages(t.Context())
	if diff := cmp.Diff(map[string]int{wire.NotAnalyzed: 1}, counts); diff != "" || err != nil {
		t.Errorf("%v, %s", err, diff)
	}
}

func accounts(t *testing.T, s *store.Store) {
	put(t, s, "same", "a")
	other := put(t, s, "same", "b")
	in(t, s, func(ctx context.Context, tx *store.Tx) error {
		return tx.PutTag(ctx, store.Tag{Image: other.ID, Account: "b", Registry: "r", Repository: "p", Tag: "t", CreatedAt: start})
	})
	if _, err := s.View().Newest(t.Context(), "a", "r", "p", "t"); !errors.Is(err, store.ErrNone) {
		t.Errorf("another account's tag: %v", err)
	}
	for q, want := range map[store.Query]int{
		{}: 1, {Registry: "r", Repository: "p", Tag: "t"}: 0, {ImageID: "id-same"}: 1, {Status: wire.Analyzed}: 0,
		{Status: wire.NotAnalyzed, ImageID: "id-same"}: 1,
	} {
		got, err := s.View().Images(t.Context(), "a", q)
		if err != nil || len(got) != want {
			t.Errorf("%+v: %d images, %v", q, len(got), err)
		}
	}
}

func moves(t *testing.T, s *store.Store) {
	i := put(t, s, "one")
	move := func(from, to string) (ok bool) {
		in(t, s, func(ctx context.Context, tx *store.Tx) (err error) {
			ok, err = tx.Move(ctx, store.Transition{Image: i.ID, At: start, From: from, To: to, Host: "h", Service: "s", Worker: "w", Attempt: 2, Reason: "why"})
			return err
		})
		return ok
	}
	if !move(wire.NotAnalyzed, wire.Analyzing) || move(wire.NotAnalyzed, wire.Analyzing) || !move(wire.Analyzing, wire.Analyzed) {
		t.Error("a compare-and-set went wrong")
	}
	got, err := s.View().ImageByID(t.Context(), i.ID)
	if err != nil || got.Status != wire.Analyzed || got.Reason != "why" || got.Attempts != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	all, err := s.View().Transitions(t.Context(), i.ID, 10)
	if err != nil || len(all) != 2 || all[0].To != wire.Analyzing || !all[0].At.Equal(start) || all[1].Host != "h" || all[1].Worker != "w" {
		t.Errorf("%+v, %v", all, err)
	}
	if last, err := s.View().Transitions(t.Context(), i.ID, 1); err != nil || len(last) != 1 || last[0].To != wire.Analyzed {
		t.Errorf("the newest: %+v, %v", last, err)
	}
}

func transactions(t *testing.T, s *store.Store) {
	broken := errors.New("no")
	i := store.Image{Account: "a", Digest: "one", Status: wire.NotAnalyzed}
	err := s.InTx(t.Context(), func(tx *store.Tx) error {
		return errors.Join(tx.InsertImage(t.Context(), &i), broken)
	})
	if !errors.Is(err, broken) {
		t.Error(err)
	}
	func() {
		defer func() { recover() }()
		s.InTx(t.Context(), func(tx *store.Tx) error {
			if err := tx.InsertImage(t.Context(), &i); err != nil {
				t.Error(err)
			}
			panic("in the middle")
		})
	}()
	if _, err := s.View().Image(t.Context(), "a", "one"); !errors.Is(err, store.ErrNone) {
		t.Errorf("half a transaction is there: %v", err)
	}
	put(t, s, "two") // it can still be written to
}

func tags(t *testing.T, s *store.Store) {
	one, two := put(t, s, "one"), put(t, s, "two")
	tag := func(image int64, after time.Duration) {
		in(t, s, func(ctx context.Context, tx *store.Tx) error {
			return tx.PutTag(ctx, store.Tag{Image: image, Account: "a", Registry: "r", Repository: "p", Tag: "t", CreatedAt: start.Add(after), DetectedAt: start})
		})
	}
	newest := func(want int64) {
		t.Helper()
		got, err := s.View().Newest(t.Context(), "a", "r", "p", "t")
		if err != nil || got.Image != want {
			t.Errorf("the tag means %d, %v; want %d", got.Image, err, want)
		}
		list, err := s.View().Images(t.Context(), "a", store.Query{Registry: "r", Repository: "p", Tag: "t"})
		if err != nil || len(list) == 0 || list[0].ID != want {
			t.Errorf("listed: %+v, %v", list, err)
		}
	}
	tag(one.ID, 0)
	newest(one.ID)
	tag(two.ID, time.Second)
	newest(two.ID)
	tag(one.ID, time.Minute)
	newest(one.ID)
	for id, at := range map[int64]time.Duration{one.ID: time.Minute, two.ID: time.Second} {
		all, err := s.View().Tags(t.Context(), id)
		if err != nil || len(all) != 1 || !all[0].CreatedAt.Equal(start.Add(at)) {
			t.Errorf("%+v, %v", all, err)
		}
	}
}

func operations(t *testing.T, s *store.Store) {
	o := store.Operation{ID: "o", Account: "a", Status: "pending", CreatedAt: start, UpdatedAt: start, ExpiresAt: start.Add(time.Hour)}
	in(t, s, func(ctx context.Context, tx *store.Tx) error { return tx.InsertOperation(ctx, o) })
	got, err := s.View().Operation(t.Context(), "a", "o")
	if diff := cmp.Diff(o, got); diff != "" || err != nil {
		t.Errorf("%v, %s", err, diff)
	}
	if _, err := s.View().Operation(t.Context(), "b", "o"); !errors.Is(err, store.ErrNone) {
		t.Errorf("another account's import: %v", err)
	}
	for _, test := range []struct {
		account, status string
		at              time.Time
		want            int
	}{{"a", "pending", start, 1}, {"b", "pending", start, 0}, {"a", "complete", start, 0}, {"a", "pending", o.ExpiresAt, 0}} {
		n, err := s.View().OpenOperations(t.Context(), test.account, test.status, test.at)
		if err != nil || n != test.want {
			t.Errorf("%+v: %d imports are open, %v", test, n, err)
		}
	}
	d := blob(t, s, "d", start)
	for n := range 2 {
		in(t, s, func(ctx context.Context, tx *store.Tx) error {
			p, err := tx.AddOperationPart(ctx, "o", store.Part{Kind: "k", Digest: "d", Generation: d.Generation, Size: 5, CreatedAt: start.Add(time.Duration(n) * time.Minute)})
			if !p.CreatedAt.Equal(start) {
				t.Errorf("upload %d was made %s", n, p.CreatedAt)
			}
			return err
		})
	}
	if all, err := s.View().OperationParts(t.Context(), "o"); err != nil || len(all) != 1 {
		t.Errorf("%+v, %v", all, err)
	}
	for test, want := range map[[2]string]int64{{"a", "pending"}: 5, {"b", "pending"}: 0, {"a", "complete"}: 0} {
		if n, err := s.View().OpenBytes(t.Context(), test[0], test[1], start); err != nil || n != want {
			t.Errorf("%v: %d bytes have come, %v", test, n, err)
		}
	}
	for _, want := range []bool{true, false} {
		in(t, s, func(ctx context.Context, tx *store.Tx) error {
			ok, err := tx.MoveOperation(ctx, "o", "pending", "complete", start)
			if ok != want {
				t.Errorf("moved: %v, want %v", ok, want)
			}
			return err
		})
	}
	for want, ended := range []time.Duration{-time.Second, time.Second} {
		in(t, s, func(ctx context.Context, tx *store.Tx) error {
			n, err := tx.DropOperations(ctx, "pending", start.Add(ended), start)
			if n != int64(want) {
				t.Errorf("dropped %d, want %d", n, want)
			}
			return err
		})
	}
	if all, err := s.View().Operations(t.Context(), "a", 10); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
}
