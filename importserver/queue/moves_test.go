package queue_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/queue"
	"github.com/tidepole/tidepole/importserver/store"
)

// Every change of an image's status is told within its transaction.
func TestMovesAreToldOf(t *testing.T) {
	b := newBench(t)
	var told []string
	var refuse error
	b.OnMove = func(_ context.Context, _ *store.Tx, m store.Transition) error {
		told = append(told, m.From+">"+m.To)
		return refuse
	}
	b.submit("x", queue.Assess)
	b.must(b.claim("w").Finish(t.Context(), nothing))
	b.submit("x", queue.Assess)
	b.must(b.claim("w").Release(t.Context(), "ending"))
	want := []string{">not_analyzed", "not_analyzed>analyzing", "analyzing>analyzed", "analyzed>not_analyzed", "not_analyzed>analyzing", "analyzing>not_analyzed"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
	refuse = errors.New("no")
	if _, err := b.Claim(t.Context(), "w"); !errors.Is(err, refuse) {
		t.Errorf("claimed: %v", err)
	}
	b.is("x", wire.NotAnalyzed, "ending")
}
