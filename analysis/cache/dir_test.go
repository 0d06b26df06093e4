package cache_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/cache"
	"github.com/tidepole/tidepole/formats/fault"
)

const block = 4096

// clock is a time that tests set.
type clock struct{ t time.Time }

func newClock() *clock { return &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) now() time.Time       { return c.t }
func (c *clock) pass(d time.Duration) { c.t = c.t.Add(d) }
func inside(dir string) string        { return filepath.Join(dir, "evidence-v1") }
func key(n int) string                { return fmt.Sprintf("%08d", n) }
func file(dir, kind, key string) string {
	return filepath.Join(inside(dir), "entries", kind, key[:2], key)
}

func status(t *testing.T, d *cache.Dir) cache.Status {
	t.Helper()
	s, err := d.Status(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheLeastRecentlyUsedGoes(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	d := open(t, dir, cache.Options{MaxBytes: 4 * block, Now: c.now})
	for n := range 4 {
		put(t, d, "layer", key(n), "x")
		c.pass(time.Hour)
	}
	if _, ok := get(t, d, "layer", key(0)); !ok { // used: 1 is the oldest now
		t.Error("an entry went before there was need")
	}
	c.pass(time.Hour)
	held, err := d.Get(context.Background(), "layer", key(2))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := os.Chtimes(file(dir, "layer", key(2)), c.t.Add(-9*time.Hour), c.t.Add(-9*time.Hour)); err != nil {
		t.Fatal(err)
	}
	c.pass(time.Hour)
	put(t, d, "layer", key(4), "x") // 2 goes: its use is the longest ago
	if read(t, held) != "x" {
		t.Error("an entry that is open cannot be read after it went")
	}
	c.pass(time.Hour)
	put(t, d, "layer", key(5), strings.Repeat("x", block+1)) // two blocks: 1 and 3 go
	var left []int
	for n := range 6 {
		if _, ok := get(t, d, "layer", key(n)); ok {
			left = append(left, n)
		}
	}
	if diff := cmp.Diff([]int{0, 4, 5}, left); diff != "" {
		t.Errorf("entries left (-want +got):\n%s", diff)
	}
	if s := status(t, d); s.Bytes != 4*block {
		t.Errorf("%d bytes", s.Bytes)
	}
}

// Times of a clock that was wrong do not keep entries for ever.
func TestEntriesOfTheFutureGoFirst(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	d := open(t, dir, cache.Options{MaxBytes: 2 * block, Now: c.now})
	put(t, d, "layer", key(0), "x")
	put(t, d, "layer", key(1), "x")
	future := c.t.Add(1000 * time.Hour)
	if err := os.Chtimes(file(dir, "layer", key(1)), future, future); err != nil {
		t.Fatal(err)
	}
	c.pass(time.Minute)
	put(t, d, "layer", key(2), "x")
	if _, ok := get(t, d, "layer", key(1)); ok {
		t.Error("the entry of the future stayed")
	}
	if _, ok := get(t, d, "layer", key(0)); !ok {
		t.Error("the older entry went")
	}
}

func TestUseIsNotWrittenEachTime(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	d := open(t, dir, cache.Options{Now: c.now})
	put(t, d, "layer", key(1), "x")
	first := c.t
	c.pass(59 * time.Second)
	get(t, d, "layer", key(1))
	if s := status(t, d); !s.Newest.Equal(first) {
		t.Errorf("written after %s", s.Newest.Sub(first))
	}
	c.pass(time.Second)
	get(t, d, "layer", key(1))
	if s := status(t, d); !s.Newest.Equal(c.t) {
		t.Errorf("use was noted at %s, not %s", s.Newest, c.t)
	}
}

func TestTheBoundHolds(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	const bound = 100 * block
	d := open(t, dir, cache.Options{MaxBytes: bound, Now: c.now})
	for n := range 400 {
		put(t, d, "layer", key(n), strings.Repeat("x", n*37%9000))
		c.pass(time.Second)
		if s := status(t, d); s.Bytes > bound || s.Bytes < 0 {
			t.Fatalf("%d bytes after %d entries, more than %d", s.Bytes, n, bound)
		}
	}
	if s := status(t, d); s.Bytes < bound*8/10 {
		t.Errorf("only %d of %d bytes are used", s.Bytes, bound)
	}
}

// The count of what all entries take may be lost or wrong.
func TestTheCountIsTakenAnew(t *testing.T) {
	for name, text := range map[string]string{"lost": "", "nonsense": "many", "too high": "99999999999999999999", "far too high": "00000000009999999999\n"} {
		t.Run(name, func(t *testing.T) {
			dir, c := t.TempDir(), newClock()
			d := open(t, dir, cache.Options{MaxBytes: 10 * block, Now: c.now})
			for n := range 10 {
				put(t, d, "layer", key(n), "x")
				c.pass(time.Second)
			}
			if err := os.WriteFile(filepath.Join(inside(dir), "lock"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			put(t, d, "layer", key(10), "x")
			if s := status(t, d); s.Entries != 10 {
				t.Errorf("%d entries, want 10", s.Entries)
			}
			if _, ok := get(t, d, "layer", key(0)); ok {
				t.Error("the oldest is still there")
			}
		})
	}
}

func TestAnEntryBeyondTheBoundIsUsedOnce(t *testing.T) {
	dir := t.TempDir()
	var warned []string
	d := open(t, dir, cache.Options{MaxBytes: 2 * block, Warn: func(err error) { warned = append(warned, err.Error()+"; "+fault.Hint(err)) }})
	put(t, d, "layer", key(1), "x")
	for range 2 {
		b, err := commit(d, "layer", key(2), bytes.Repeat([]byte("x"), 3*block))
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, b); len(got) != 3*block {
			t.Errorf("%d bytes", len(got))
		}
		b.Close()
	}
	s := status(t, d)
	if s.Entries != 1 || s.Pending.Count+s.Unfinished.Count != 0 {
		t.Errorf("%+v", s)
	}
	if len(warned) != 1 || !strings.Contains(warned[0], "cache.max-size") {
		t.Errorf("warned %q, not once of the setting", warned)
	}
}

func TestStatusAndClear(t *testing.T) {
	dir, c := t.TempDir(), newClock()
	d := open(t, dir, cache.Options{MaxBytes: 1 << 20, Now: c.now})
	start := c.t
	put(t, d, "layer", key(1), strings.Repeat("x", block+1))
	c.pass(time.Hour)
	put(t, d, "layer", key(2), "x")
	put(t, d, "packages", key(1), "")
	writing, err := d.Create(context.Background(), "layer")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(writing, "12345")
	leave := func(name string) {
		path := filepath.Join(inside(dir), name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("123"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	foreign := []string{"entries/Notes/file", "entries/layer/00/Readme", "entries/layer/01/00000009", "entries/layer/file", "entries/note", "notes.txt", "pending/mine"}
	for _, f := range foreign {
		leave(f)
	}
	leave("pending/layer-0123456789abcdef")
	want := cache.Status{
		Path: inside(dir), MaxBytes: 1 << 20, Entries: 3, Bytes: 4 * block, Oldest: start, Newest: c.t,
		Kinds: []cache.Kind{
			{Name: "layer", Entries: 2, Bytes: 3 * block, Oldest: start, Newest: c.t},
			{Name: "packages", Entries: 1, Bytes: block, Oldest: c.t, Newest: c.t},
		},
		Pending: cache.Files{Count: 1, Bytes: 5}, Unfinished: cache.Files{Count: 1, Bytes: 3},
		Foreign: append([]string{"entries/Notes"}, foreign[1:]...),
	}
	if diff := cmp.Diff(want, status(t, d)); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}

	freed, err := d.Clear(context.Background(), c.t)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(cache.Freed{Entries: 1, Bytes: 2 * block, Unfinished: cache.Files{Count: 1, Bytes: 3}}, freed); diff != "" {
		t.Errorf("freed of the older (-want +got):\n%s", diff)
	}
	freed, err = d.Clear(context.Background(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(cache.Freed{Entries: 2, Bytes: 2 * block}, freed); diff != "" {
		t.Errorf("freed (-want +got):\n%s", diff)
	}
	for _, f := range foreign {
		if _, err := os.Stat(filepath.Join(inside(dir), f)); err != nil {
			t.Errorf("what is no part of the cache is gone: %v", err)
		}
	}
	if b, err := writing.Commit(key(3)); err != nil || read(t, b) != "12345" {
		t.Errorf("what was being written: %v", err)
	}
	if _, ok := get(t, d, "layer", key(3)); !ok {
		t.Error("what was being written is not kept")
	}
	if s := status(t, d); s.Entries != 1 || s.Bytes != block || len(s.Foreign) != len(foreign) {
		t.Errorf("in the end %+v", s)
	}
}

func TestFoldersThatAreRefused(t *testing.T) {
	for name, test := range map[string]struct {
		make func(dir string) error
		want string
	}{
		"others can write to it": {func(dir string) error { return os.Chmod(dir, 0o777) }, "others can write to"},
		"its group can":          {func(dir string) error { return os.Chmod(dir, 0o770) }, "others can write to"},
		"others can write to what is in it": {func(dir string) error {
			return errors.Join(os.Mkdir(inside(dir), 0o700), os.Chmod(inside(dir), 0o707))
		}, "others can write to"},
		"it leads elsewhere": {func(dir string) error {
			return errors.Join(os.Mkdir(dir+"-other", 0o700), os.Symlink(dir+"-other", inside(dir)))
		}, "is not a folder"},
		"its entries lead elsewhere": {func(dir string) error {
			return errors.Join(os.Mkdir(dir+"-other", 0o700), os.Mkdir(inside(dir), 0o700), os.Symlink(dir+"-other/lock", filepath.Join(inside(dir), "lock")))
		}, "escapes"},
		"it is a file": {func(dir string) error {
			return errors.Join(os.Remove(dir), os.WriteFile(dir, nil, 0o600))
		}, "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "cache")
			if err := errors.Join(os.Mkdir(dir, 0o700), test.make(dir)); err != nil {
				t.Fatal(err)
			}
			_, err := cache.Open(dir, cache.Options{})
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("the error is %v, not %q", err, test.want)
			}
			if !strings.Contains(fault.Hint(err), "--cache-dir") {
				t.Errorf("the hint is %q", fault.Hint(err))
			}
		})
	}
}

// A folder with the sticky bit is one in which nobody can exchange another's.
func TestASharedFolderWithTheStickyBit(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	put(t, open(t, dir, cache.Options{}), "layer", key(1), "x")
}

func TestOnlyTheUserReads(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "cache")
	put(t, open(t, dir, cache.Options{}), "layer", key(1), "x")
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %o", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestOnlyAFolderThatIsThere(t *testing.T) {
	dir := t.TempDir()
	if _, err := cache.Open(dir, cache.Options{Existing: true}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("made %v", left)
	}
	open(t, dir, cache.Options{})
	open(t, dir, cache.Options{Existing: true})
}

// Links and other things in an entry's place are not followed or waited for,
// and a new entry takes their place.
func TestThingsInAnEntrysPlace(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, plant := range map[string]func(path string) error{
		"a link out of the folder": func(path string) error { return os.Symlink(secret, path) },
		"a link within the folder": func(path string) error { return os.Symlink("00000009", path) },
		"a pipe":                   func(path string) error { return syscall.Mkfifo(path, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			d := open(t, dir, cache.Options{})
			put(t, d, "layer", key(9), "nine")
			path := file(dir, "layer", key(1))
			if err := plant(path); err != nil {
				t.Fatal(err)
			}
			if text, ok := get(t, d, "layer", key(1)); ok {
				t.Errorf("gives %q", text)
			}
			if s := status(t, d); s.Entries != 1 || len(s.Foreign) != 1 {
				t.Errorf("%+v", s)
			}
			put(t, d, "layer", key(1), "one")
			if text, _ := get(t, d, "layer", key(1)); text != "one" {
				t.Errorf("holds %q", text)
			}
			if data, _ := os.ReadFile(secret); string(data) != "secret" {
				t.Errorf("the file elsewhere holds %q", data)
			}
		})
	}
}

// A folder of entries that is a link out of the cache is neither read, nor
// written to, nor cleared.
func TestALinkInThePlaceOfAFolder(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	var warned error
	d := open(t, dir, cache.Options{Warn: func(err error) { warned = err }})
	victim := filepath.Join(other, "00", key(1))
	if err := errors.Join(os.Mkdir(filepath.Dir(victim), 0o700), os.WriteFile(victim, []byte("victim"), 0o600),
		os.Symlink(other, filepath.Join(inside(dir), "entries", "layer"))); err != nil {
		t.Fatal(err)
	}
	if text, ok := get(t, d, "layer", key(1)); ok {
		t.Errorf("gives %q", text)
	}
	b, err := commit(d, "layer", key(2), []byte("two"))
	if err != nil || read(t, b) != "two" {
		t.Fatal(err)
	}
	if warned == nil {
		t.Error("nothing was said of what cannot be kept")
	}
	if _, err := d.Clear(context.Background(), time.Time{}); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(other + "/*/*"); len(left) != 1 {
		t.Errorf("elsewhere is %v", left)
	}
	if s := status(t, d); len(s.Foreign) != 1 || s.Pending.Count != 0 {
		t.Errorf("%+v", s)
	}
}

func TestAReadOnlyFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 { // for whom nothing is read-only
		defer asNobody(t, dir)()
	}
	_, err := cache.Open(dir, cache.Options{})
	if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "permission denied") {
		t.Error(err)
	}
}

// Who removes the folder by hand, while it is in use, is told so, and what is
// written goes on elsewhere.
func TestAFolderRemovedByHand(t *testing.T) {
	dir := t.TempDir()
	var warned error
	d := open(t, dir, cache.Options{Warn: func(err error) { warned = err }})
	p, err := d.Create(context.Background(), "layer")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if b, err := p.Commit(key(1)); err != nil || b.Size() != 0 {
		t.Error(err)
	}
	if warned == nil {
		t.Error("nothing was said")
	}
	if b, err := commit(d, "layer", key(1), []byte("x")); err != nil || read(t, b) != "x" {
		t.Error(err)
	}
	d = open(t, dir, cache.Options{Warn: func(err error) { warned = err }})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if b, err := commit(d, "layer", key(1), []byte("x")); err != nil || read(t, b) != "x" {
		t.Error(err)
	}
	if !strings.Contains(fault.Hint(warned), "cache clear") {
		t.Errorf("%v; %s", warned, fault.Hint(warned))
	}
}

// Another process that hangs while it holds the lock does not end an analysis.
func TestALockThatIsHeld(t *testing.T) {
	dir := t.TempDir()
	var warned error
	d := open(t, dir, cache.Options{Warn: func(err error) { warned = err }})
	f, err := os.Open(filepath.Join(inside(dir), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	p, err := d.Create(context.Background(), "layer")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := d.Remove(ctx, "layer", key(1)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("remove: %v", err)
	}
	b, err := p.Commit(key(1))
	if err != nil || read(t, b) != "x" {
		t.Errorf("commit: %v", err)
	}
	if fault.Of(warned) != fault.Conflict {
		t.Errorf("warned %v", warned)
	}
	if _, err := d.Clear(context.Background(), time.Time{}); fault.Of(err) != fault.Conflict {
		t.Errorf("clear: %v", err)
	}
}

// An analysis that is interrupted while another process holds the lock is not
// warned of a cache that cannot be used.
func TestAnInterruptedCommitWarnsOfNothing(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir, cache.Options{Warn: func(err error) { t.Errorf("warned: %v", err) }})
	f, err := os.Open(filepath.Join(inside(dir), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	interrupted := func(limit time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		p, err := d.Create(ctx, "layer")
		if err != nil {
			return err
		}
		b, err := p.Commit(key(1))
		if err != nil {
			return errors.Join(err, p.Discard())
		}
		return b.Close()
	}
	limit := 20 * time.Millisecond
	for err = interrupted(limit); errors.Is(err, context.DeadlineExceeded) && limit < 2*time.Second; err = interrupted(limit) {
		limit *= 2 // it ended before it came to the lock
	}
	if err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(inside(dir), "pending", "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A file in place of an entry, which is sound but another one's, is none.
func TestAnEntryInPlaceOfAnother(t *testing.T) {
	whole := func(t *testing.T, name string) []byte {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for name, exchange := range map[string]func(t *testing.T, dir string) []byte{
		"of another key":  func(t *testing.T, dir string) []byte { return whole(t, file(dir, "layer", key(2))) },
		"of another kind": func(t *testing.T, dir string) []byte { return whole(t, file(dir, "bundle", key(1))) },
		"cut":             func(t *testing.T, dir string) []byte { return whole(t, file(dir, "layer", key(1)))[1:20] },
		"longer":          func(t *testing.T, dir string) []byte { return append(whole(t, file(dir, "layer", key(1))), 'x') },
		"empty":           func(*testing.T, string) []byte { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			d := open(t, dir, cache.Options{})
			put(t, d, "layer", key(1), "one")
			put(t, d, "layer", key(2), "two")
			put(t, d, "bundle", key(1), "other")
			if err := os.WriteFile(file(dir, "layer", key(1)), exchange(t, dir), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := d.Get(t.Context(), "layer", key(1)); !errors.Is(err, cache.ErrMisplaced) || !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("error is %v", err)
			}
			if s := status(t, d); s.Entries != 2 {
				t.Errorf("%d entries are left", s.Entries)
			}
			put(t, d, "layer", key(1), "anew")
			if text, ok := get(t, d, "layer", key(1)); !ok || text != "anew" {
				t.Errorf("computed anew it is %q, %v", text, ok)
			}
		})
	}
}
