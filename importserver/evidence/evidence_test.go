package evidence_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/blobs"
	"github.com/tidepole/tidepole/importserver/blobs/blobstest"
	"github.com/tidepole/tidepole/importserver/evidence"
	"github.com/tidepole/tidepole/importserver/store"
	"github.com/tidepole/tidepole/importserver/store/storetest"
)

func TestMain(m *testing.M) {
	os.Setenv("AWS_ACCESS_KEY_ID", "only")
	os.Setenv("AWS_SECRET_ACCESS_KEY", "for-tests")
	os.Exit(m.Run())
}

// places are URLs of empty places for blobs.
var places = map[string]func(*testing.T) string{
	"folder": func(t *testing.T) string { return t.TempDir() },
	"S3": func(t *testing.T) string {
		server := httptest.NewServer(gofakes3.New(s3mem.New(), gofakes3.WithLogger(gofakes3.DiscardLog())).Server())
		t.Cleanup(server.Close)
		at, _, _ := blobstest.NewBucket(t, server.URL)
		return at
	},
}

func openStore(t *testing.T, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// bring keeps data and refers to it from an image, as an import does.
func bring(ctx context.Context, k evidence.Keeper, image int64, data string, between func()) error {
	staged, err := k.Blobs.Stage(ctx, strings.NewReader(data), 1<<20)
	if err != nil {
		return err
	}
	defer staged.Discard()
	b, err := k.Keep(ctx, staged)
	if err != nil {
		return err
	}
	between()
	return k.Store.InTx(ctx, func(tx *store.Tx) error {
		return tx.SetParts(ctx, image, []store.Part{{Kind: "k", Digest: b.Digest, Generation: b.Generation}})
	})
}

// check reads the evidence of an image, which has it while nobody changes it.
func check(ctx context.Context, k evidence.Keeper, image int64) error {
	parts, err := k.Store.View().Parts(ctx, image)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if _, err := k.Blobs.Check(ctx, blobs.Key{Digest: p.Digest, Generation: p.Generation}); err != nil {
			return fmt.Errorf("image %d: %w", image, err)
		}
	}
	return nil
}

// Several processes bring the same few blobs, refer to them, forget them and
// collect them, all at the same time; with no time at all for which an
// unreferenced blob is left alone, and with deletions that come late. At no moment
// an image has evidence that cannot be read, and in the end nothing is left that no
// image has.
func TestNothingIsLostToCollection(t *testing.T) {
	for name, place := range places {
		t.Run("SQLite and "+name, func(t *testing.T) { stress(t, "sqlite:"+filepath.Join(t.TempDir(), "db"), place(t)) })
		t.Run("PostgreSQL and "+name, func(t *testing.T) {
			stress(t, storetest.Schema(t, os.Getenv(storetest.PostgresVariable)), place(t))
		})
	}
}

const (
	processes = 4
	steps     = 60
	contents  = 3
)

func stress(t *testing.T, rows, at string) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var group sync.WaitGroup
	var brought, refused, given atomic.Int32
	var all []evidence.Keeper
	for range processes {
		all = append(all, evidence.Keeper{Store: openStore(t, rows), Blobs: blobstest.Open(t, at), Now: time.Now})
	}
	ids := make([]int64, processes)
	for n, k := range all {
		i := store.Image{Account: "a", Digest: fmt.Sprint(n), Status: wire.NotAnalyzed}
		if err := k.Store.InTx(t.Context(), func(tx *store.Tx) error { return tx.InsertImage(t.Context(), &i) }); err != nil {
			t.Fatal(err)
		}
		ids[n] = i.ID
	}
	for n, k := range all {
		dice := rand.New(rand.NewPCG(seed, uint64(n)))
		group.Go(func() {
			for range steps {
				pause := func() { time.Sleep(time.Duration(dice.IntN(3)) * time.Millisecond) }
				err := bring(t.Context(), k, ids[n], fmt.Sprint("content ", dice.IntN(contents)), pause)
				switch {
				case fault.Of(err) == fault.Unavailable && strings.Contains(err.Error(), "removed"):
					refused.Add(1) // and would be sent again
				case err != nil:
					t.Errorf("bring: %v", err)
				default:
					brought.Add(1)
				}
				if err := check(t.Context(), k, ids[n]); err != nil {
					t.Errorf("read: %v", err)
				}
				if dice.IntN(2) == 0 {
					err := k.Store.InTx(t.Context(), func(tx *store.Tx) error { return tx.SetParts(t.Context(), ids[n], nil) })
					if err != nil {
						t.Errorf("forget: %v", err)
					}
				}
			}
		})
		group.Go(func() {
			for range steps {
				if err := k.Collect(t.Context(), time.Now().Add(time.Second)); err != nil {
					t.Errorf("collect: %v", err)
				}
			}
		})
		group.Go(func() { late(t, k, &given, rand.New(rand.NewPCG(seed, uint64(n+processes)))) })
	}
	group.Wait()
	t.Logf("brought %d times, refused %d times, %d late deletions", brought.Load(), refused.Load(), given.Load())
	for n, k := range all {
		if err := check(t.Context(), k, ids[n]); err != nil {
			t.Errorf("in the end: %v", err)
		}
	}
	onlyReferred(t, all[0], ids)
}

// late is a collector that was stopped between looking and deleting.
func late(t *testing.T, k evidence.Keeper, given *atomic.Int32, dice *rand.Rand) {
	for range steps {
		keys, err := k.Store.View().BlobDeletions(t.Context(), store.Blob{}, 10)
		if err != nil {
			t.Errorf("look for deletions: %v", err)
		}
		time.Sleep(time.Duration(dice.IntN(10)) * time.Millisecond)
		for _, b := range keys {
			given.Add(1)
			if err := k.Blobs.Delete(t.Context(), blobs.Key(b)); err != nil {
				t.Errorf("delete late: %v", err)
			}
		}
	}
}

// onlyReferred makes sure that nothing is left but what images have.
func onlyReferred(t *testing.T, k evidence.Keeper, ids []int64) {
	t.Helper()
	want := map[blobs.Key]bool{}
	for _, id := range ids {
		parts, err := k.Store.View().Parts(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range parts {
			want[blobs.Key{Digest: p.Digest, Generation: p.Generation}] = true
		}
	}
	_, _, err := k.Scrub(t.Context(), time.Now())
	if err := errors.Join(err, k.Collect(t.Context(), time.Now().Add(time.Second))); err != nil {
		t.Fatal(err)
	}
	err = k.Blobs.Each(t.Context(), func(key blobs.Key) error {
		if !want[key] {
			t.Errorf("nothing refers to %v", key)
		}
		delete(want, key)
		return nil
	})
	if err != nil || len(want) > 0 {
		t.Errorf("%v; absent: %v", err, want)
	}
}

// A process that is stopped after it announced a blob, and goes on when the row is
// long gone, leaves a blob without a row.
func TestScrubRemovesWhatNoRowKnows(t *testing.T) {
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			k := evidence.Keeper{Store: openStore(t, "sqlite:"+filepath.Join(t.TempDir(), "db")), Blobs: blobstest.Open(t, place(t)), Now: time.Now}
			ctx := t.Context()
			i := store.Image{Account: "a", Digest: "i", Status: wire.NotAnalyzed}
			if err := k.Store.InTx(ctx, func(tx *store.Tx) error { return tx.InsertImage(ctx, &i) }); err != nil {
				t.Fatal(err)
			}
			if err := bring(ctx, k, i.ID, "referred to", func() {}); err != nil {
				t.Fatal(err)
			}
			err := bring(ctx, k, i.ID, "thawed", func() {
				if err := k.Collect(ctx, time.Now().Add(time.Second)); err != nil {
					t.Error(err)
				}
				blobstest.Keep(t, k.Blobs, "0123456789abcdef", "thawed")
			})
			if fault.Of(err) != fault.Unavailable || fault.Hint(err) == "" {
				t.Errorf("what was collected meanwhile is referred to: %v", err)
			}
			if err := k.Store.InTx(ctx, func(tx *store.Tx) error {
				_, err := tx.TouchBlob(ctx, "sha256:"+strings.Repeat("0", 64), 1, time.Now())
				return err
			}); err != nil {
				t.Fatal(err)
			}
			for want := 1; want >= 0; want-- {
				if unknown, unended, err := k.Scrub(ctx, time.Now().Add(-time.Hour)); unknown != want || unended != 0 || err != nil {
					t.Errorf("scrubbed %d, %d, %v; want %d", unknown, unended, err, want)
				}
			}
			if err := check(ctx, k, i.ID); err != nil {
				t.Error(err)
			}
		})
	}
}

// A blob that cannot be deleted keeps no other from it, and is deleted once it can be.
func TestOneBlobThatStays(t *testing.T) {
	dir := t.TempDir()
	k := evidence.Keeper{Store: openStore(t, "sqlite:"+filepath.Join(t.TempDir(), "db")), Blobs: blobstest.Open(t, dir), Now: time.Now}
	for n := range 9 {
		staged, err := k.Blobs.Stage(t.Context(), strings.NewReader(fmt.Sprint("blob ", n)), 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.Keep(t.Context(), staged); err != nil {
			t.Fatal(err)
		}
		staged.Discard()
	}
	all, err := filepath.Glob(filepath.Join(dir, "sha256", "*", "*"))
	if err != nil || len(all) != 9 {
		t.Fatalf("%v, %v", all, err)
	}
	ill := all[0] // the first to be deleted, and it cannot be: it is a folder with something in it
	if err := errors.Join(os.Remove(ill), os.MkdirAll(filepath.Join(ill, "in it"), 0o700)); err != nil {
		t.Fatal(err)
	}
	for _, since := range []time.Time{time.Now().Add(time.Hour), time.Now().Add(time.Hour)} {
		if err := k.Collect(t.Context(), since); err == nil {
			t.Error("that a blob stays is not told")
		}
		left, err := k.Store.View().BlobDeletions(t.Context(), store.Blob{}, 10)
		if err != nil || len(left) != 1 {
			t.Errorf("to be deleted still: %v, %v", left, err)
		}
	}
	if err := os.Remove(filepath.Join(ill, "in it")); err != nil {
		t.Fatal(err)
	}
	if err := k.Collect(t.Context(), time.Now()); err != nil {
		t.Error(err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "sha256", "*", "*")); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
