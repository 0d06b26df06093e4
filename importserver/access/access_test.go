package access_test

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tidepole/tidepole/importserver/access"
)

func TestHashRecognisesItsPasswordOnly(t *testing.T) {
	hash, err := access.Hash(t.Context(), "host", "right")
	if err != nil {
		t.Fatal(err)
	}
	other, err := access.Hash(t.Context(), "host", "right")
	if err != nil || other == hash {
		t.Errorf("two hashes of one password are %s and %s, %v", hash, other, err)
	}
	for password, want := range map[string]bool{"right": true, "wrong": false, "": false, "Right": false} {
		if got, err := access.Is(t.Context(), "host", password, hash); got != want || err != nil {
			t.Errorf("%q: %v, %v", password, got, err)
		}
	}
	for _, password := range []string{"", "right"} {
		if got, err := access.Is(t.Context(), "host", password, ""); got || err != nil {
			t.Errorf("nobody's password is %q: %v", password, err)
		}
	}
}

func TestHashThatCannotBeUsedIsRefused(t *testing.T) {
	good, err := access.Hash(t.Context(), "host", "x")
	if err != nil {
		t.Fatal(err)
	}
	for name, hash := range map[string]string{
		"another function":      strings.Replace(good, "argon2id", "argon2i", 1),
		"too much memory":       strings.Replace(good, "m=19456", "m=99999999", 1),
		"too many passes":       strings.Replace(good, "t=2", "t=9999", 1),
		"no lanes":              strings.Replace(good, "p=1", "p=0", 1),
		"a salt that is none":   "$argon2id$v=19$m=19456,t=2,p=1$!$AAAAAAAAAAAAAAAAAAAAAA",
		"a sum that is short":   "$argon2id$v=19$m=19456,t=2,p=1$AAAA$AAAA",
		"something else":        "plain",
		"parameters of no kind": "$argon2id$v=19$x$AAAA$AAAAAAAAAAAAAAAAAAAAAA",
	} {
		if ok, err := access.Is(t.Context(), "host", "x", hash); ok || err == nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
}

func FuzzIs(f *testing.F) {
	f.Add("$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, hash string) {
		if strings.Contains(hash, "m=") && len(hash) > 60 {
			t.Skip("large memory is slow")
		}
		_, _ = access.Is(t.Context(), "host", "x", hash)
	})
}

func TestKeysAndTokens(t *testing.T) {
	key, id, digest := access.NewKey()
	if access.KeyID(key) != id || !access.HasDigest(key, digest) || access.HasDigest(key+"0", digest) || strings.Contains(digest, key[21:]) {
		t.Errorf("key %s of id %s and digest %s", key, id, digest)
	}
	for _, text := range []string{"", "tpk_", key[:len(key)-1], key + "0", strings.Replace(key, "tpk_", "tpx_", 1), strings.ReplaceAll(key, "_", "")} {
		if got := access.KeyID(text); got != "" {
			t.Errorf("%q has the id %q", text, got)
		}
	}
	if a, _ := access.NewToken("x"); len(a) != 65 {
		t.Errorf("token %s", a)
	}
}

func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := access.Throttle{Delay: 10 * time.Millisecond}
		if err := th.Enter(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		th.Failed("a")
		if err := th.Enter(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		th.Failed("a")
		if err := th.Enter(t.Context(), "a"); err != nil || time.Since(begun) != 20*time.Millisecond {
			t.Errorf("after two failures: %v after %v", err, time.Since(begun))
		}
		begun = time.Now()
		if err := th.Enter(t.Context(), "b"); err != nil || time.Since(begun) > 0 {
			t.Errorf("another name waits: %v", err)
		}
		slow := access.Throttle{Delay: time.Hour}
		if err := slow.Enter(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		slow.Failed("a")
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		for range 40 {
			go func() { ended <- slow.Enter(ctx, "a") }()
		}
		for range 8 { // of 40, 32 wait
			if err := <-ended; !errors.Is(err, access.ErrBusy) {
				t.Errorf("one too many: %v", err)
			}
		}
		cancel()
		for range 32 {
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("one that waited: %v", err)
			}
		}
	})
}

// Guesses that come together are made one after the other, even the first ones.
func TestAttemptsUnderANameComeOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		th := access.Throttle{Delay: time.Millisecond}
		var under, most atomic.Int32
		var all sync.WaitGroup
		for n := range 20 {
			all.Go(func() {
				if err := th.Enter(t.Context(), "a"); err != nil {
					t.Error(err)
					return
				}
				most.Store(max(most.Load(), under.Add(1)))
				time.Sleep(time.Millisecond)
				under.Add(-1)
				switch n % 3 {
				case 0:
					th.Failed("a")
				case 1:
					th.Succeeded("a")
				default:
					th.Left("a")
				}
			})
		}
		all.Wait()
		if most.Load() != 1 {
			t.Errorf("%d at once", most.Load())
		}
		if err := th.Enter(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		th.Succeeded("a")
		begun := time.Now()
		if err := th.Enter(t.Context(), "a"); err != nil || time.Since(begun) > 0 {
			t.Errorf("after a success: %v after %v", err, time.Since(begun))
		}
	})
}

func TestMemoryForgetsWithTheEpoch(t *testing.T) {
	var m access.Memory
	m.Keep("u", "p", 1)
	for name, got := range map[string]bool{
		"it": !m.Knows("u", "p", 1), "another epoch": m.Knows("u", "p", 2), "another password": m.Knows("u", "q", 1),
		"another user": m.Knows("v", "p", 1), "the border moved": m.Knows("u\x00p", "", 1),
	} {
		if got {
			t.Error(name)
		}
	}
}

// Whoever signs in day by day is remembered: guesses do not hold him up.
func TestMemoryLastsADayFromTheLastTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m access.Memory
		m.Keep("u", "p", 1)
		for day := range 3 {
			if time.Sleep(24*time.Hour - time.Minute); !m.Knows("u", "p", 1) {
				t.Errorf("not known on day %d", day)
			}
		}
		if time.Sleep(24*time.Hour + time.Minute); m.Knows("u", "p", 1) {
			t.Error("known after more than a day")
		}
	})
}

func TestLikeIsTheSameForTheSamePassword(t *testing.T) {
	one, err := access.Hash(t.Context(), "", "a password")
	if err != nil {
		t.Fatal(err)
	}
	same, err := access.Like(t.Context(), "", "a password", one)
	other, failed := access.Like(t.Context(), "", "another", one)
	if err != nil || failed != nil || same != one || other == one {
		t.Errorf("%s of %s, %v; %s of another, %v", same, one, err, other, failed)
	}
	if is, err := access.Is(t.Context(), "", "another", other); !is || err != nil {
		t.Errorf("another has %s: %v, %v", other, is, err)
	}
	if _, err := access.Like(t.Context(), "", "a password", ""); err == nil {
		t.Error("like none")
	}
}

// Whoever fails under ten thousand long names costs no memory worth the word, and none
// for good.
func TestThrottleRemembersLittleOfNames(t *testing.T) {
	const tried, long = 10_500, 48 << 10
	th := access.Throttle{Delay: time.Millisecond}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	padding := strings.Repeat("x", long)
	for n := range tried {
		name := strconv.Itoa(n) + padding
		if err := th.Enter(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		th.Failed(name)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16<<20 || th.Names() > 10_000 {
		t.Errorf("%d names, %d bytes", th.Names(), grown)
	}
	th.Sweep(time.Now().Add(time.Hour))
	if th.Names() != 0 {
		t.Errorf("%d names an hour later", th.Names())
	}
}
