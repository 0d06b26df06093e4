package queue_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/queue"
	"github.com/tidepole/tidepole/importserver/store"
)

// queued adds new images of an account, one after another, and their work.
func (b *bench) queued(account string, n, priority int) {
	b.t.Helper()
	b.must(b.store.InTx(b.t.Context(), func(tx *store.Tx) error {
		for range n {
			b.made++
			i := store.Image{Account: account, Digest: fmt.Sprintf("%s%d", account, b.made), Status: wire.NotAnalyzed, CreatedAt: b.now}
			if err := tx.InsertImage(b.t.Context(), &i); err != nil {
				return err
			}
			i.Status = ""
			if err := b.Submit(b.t.Context(), tx, i, queue.Assess, "asked for", priority); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (b *bench) refresh() {
	b.t.Helper()
	b.must(b.store.InTx(b.t.Context(), func(tx *store.Tx) error {
		_, err := b.Refresh(b.t.Context(), tx)
		return err
	}))
}

// served are the accounts whose work the next n claims take; in capitals where it was in bulk.
func (b *bench) served(n int) string {
	b.t.Helper()
	var s strings.Builder
	for range n {
		l := b.claim("w")
		if l == nil {
			s.WriteString(".")
			continue
		}
		name := l.Work.Account
		if l.Work.Priority >= queue.Bulk {
			name = strings.ToUpper(name)
		}
		s.WriteString(name)
		b.must(l.Finish(b.t.Context(), nothing))
	}
	return s.String()
}

func TestAccountsTakeTurns(t *testing.T) { everywhere(t, accountsTakeTurns) }

func accountsTakeTurns(t *testing.T, b *bench) {
	b.queued("a", 100, queue.Interactive)
	if got := b.served(5); got != "aaaaa" {
		t.Errorf("alone: %s", got)
	}
	b.queued("b", 1, queue.Interactive)
	b.queued("c", 4, queue.Interactive)
	if got := b.served(10); got != "abcacacaca" {
		t.Errorf("a long line, a single image and a short line: %s", got)
	}
	b.served(20)
	b.queued("b", 2, queue.Interactive)
	if got := b.served(4); got != "abab" {
		t.Errorf("who comes again is served as soon: %s", got)
	}
}

func TestWorkThatWaitedJoinsTheLineAtItsBeginning(t *testing.T) {
	everywhere(t, workThatWaitedJoinsTheLineAtItsBeginning)
}

func workThatWaitedJoinsTheLineAtItsBeginning(t *testing.T, b *bench) {
	b.queued("a", 1, queue.Interactive)
	failed := b.claim("w")
	b.must(failed.Release(t.Context(), "ending"))
	b.queued("b", 50, queue.Interactive)
	b.must(b.claim("w").Release(t.Context(), "ending")) // a's again, which is in line now
	if got := b.served(30); !strings.HasPrefix(got, "a") && !strings.HasPrefix(got, "ba") {
		t.Errorf("given back: %s", got)
	}
	b.queued("c", 30, queue.Interactive)
	if got := b.served(10); got != "bcbcbcbcbc" && got != "cbcbcbcbcb" {
		t.Errorf("after work with an old turn was done: %s", got)
	}
}

func TestBulkWaitsButIsNotStarved(t *testing.T) { everywhere(t, bulkWaitsButIsNotStarved) }

func bulkWaitsButIsNotStarved(t *testing.T, b *bench) {
	b.queued("a", 20, queue.Bulk)
	b.queued("a", 30, queue.Interactive)
	b.queued("b", 30, queue.Interactive)
	got := b.served(32)
	if n := strings.Count(got, "A"); n != 4 || strings.Contains(got[:7], "A") {
		t.Errorf("bulk had %d of 32 claims, want 4: %s", n, got)
	}
	if a, b := strings.Count(got, "a"), strings.Count(got, "b"); a != b {
		t.Errorf("%d and %d claims of two accounts: %s", a, b, got)
	}
	b.queued("c", 1, queue.Interactive)
	if got := b.served(3); !strings.Contains(got, "c") {
		t.Errorf("somebody who waits: %s", got)
	}
}

func TestARefreshIsBulkAndFair(t *testing.T) { everywhere(t, aRefreshIsBulkAndFair) }

func aRefreshIsBulkAndFair(t *testing.T, b *bench) {
	b.queued("a", 6, queue.Interactive)
	b.queued("b", 3, queue.Interactive)
	b.served(9)
	b.refresh()
	if got := b.served(10); got != "ABABABAAA." {
		t.Errorf("matched anew: %s", got)
	}
}

// TestPositionsAreTrue compares what is told of positions with what comes of them.
func TestPositionsAreTrue(t *testing.T) { everywhere(t, positionsAreTrue) }

func positionsAreTrue(t *testing.T, b *bench) {
	b.queued("a", 30, queue.Interactive)
	b.queued("b", 9, queue.Interactive)
	b.queued("c", 10, queue.Bulk)
	view := b.store.View()
	items, err := view.Items(t.Context(), store.Queued, "", 0, 100)
	b.must(err)
	told := map[string]int{}
	var own []int // of a's among a's
	for n, item := range items {
		told[item.Digest], err = b.Ahead(t.Context(), view, item.Work, "")
		b.must(err)
		if at := queue.Ahead(item.Priority, n, 39, 10); at != told[item.Digest] {
			t.Errorf("%s: %d by its index, %d by its row", item.Digest, at, told[item.Digest])
		}
		if item.Account == "a" {
			at, err := b.Ahead(t.Context(), view, item.Work, "a")
			b.must(err)
			own = append(own, at)
		}
	}
	for n, at := range own {
		if n != at {
			t.Fatalf("among its own account's: %v", own)
		}
	}
	for n := range items {
		l := b.claim("w")
		if off := n - told[l.Image.Digest]; off < -1 || off > 1 {
			t.Errorf("%s was told that %d come before it; %d did", l.Image.Digest, told[l.Image.Digest], n)
		}
		b.must(l.Finish(t.Context(), nothing))
	}
	if diff := cmp.Diff("..", b.served(2)); diff != "" {
		t.Error(diff)
	}
}
