package access_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/importserver/access"
)

// Who comes from a quiet host is next, however many of a busy one wait already.
func TestTurnsGoFromLineToLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := access.NewTurns(1, 100)
		leave, err := turns.Enter(t.Context(), "busy")
		if err != nil {
			t.Fatal(err)
		}
		var lock sync.Mutex
		var served []string
		queue := func(line string) {
			go func() {
				leave, err := turns.Enter(t.Context(), line)
				if err != nil {
					t.Error(err)
					return
				}
				lock.Lock()
				served = append(served, line)
				lock.Unlock()
				leave()
			}()
			synctest.Wait()
		}
		for range 5 {
			queue("busy")
		}
		queue("quiet")
		queue("calm")
		leave()
		synctest.Wait()
		if diff := cmp.Diff([]string{"busy", "quiet", "calm", "busy", "busy", "busy", "busy"}, served); diff != "" {
			t.Errorf("served (-want +got):\n%s", diff)
		}
		for range 2 { // the place is free again
			leave, err := turns.Enter(t.Context(), "busy")
			if err != nil {
				t.Fatal(err)
			}
			leave()
		}
	})
}

func TestFullLinesRefuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := access.NewTurns(1, 2)
		leave, err := turns.Enter(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 10)
		wait := func(ctx context.Context, line string) {
			go func() {
				leave, err := turns.Enter(ctx, line)
				if err == nil {
					leave()
				}
				ended <- err
			}()
			synctest.Wait()
		}
		wait(ctx, "a")
		wait(t.Context(), "a")
		wait(t.Context(), "a")
		if err := <-ended; !errors.Is(err, access.ErrBusy) {
			t.Errorf("a third in line: %v", err)
		}
		wait(ctx, "b")
		cancel() // two give up, and the other is served
		got := []error{<-ended, <-ended}
		leave()
		got = append(got, <-ended)
		if !errors.Is(got[0], context.Canceled) || !errors.Is(got[1], context.Canceled) || got[2] != nil {
			t.Errorf("those who waited: %v", got)
		}
		if n := slices.Index(got, nil); n != 2 {
			t.Errorf("the one who stayed was served as %d", n)
		}
	})
}
