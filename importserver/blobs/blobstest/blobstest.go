// Package blobstest is what every place for blobs must do.
package blobstest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver/blobs"
)

// Place is an empty place for blobs, and what a test does to it behind the store's
// back.
type Place struct {
	URL     string
	Objects func(t *testing.T) map[string][]byte         // all there is, by name
	Put     func(t *testing.T, name string, data []byte) // replaces an object
	Remove  func(t *testing.T, name string)
	Break   func(t *testing.T) (mend func()) // lets all that is written fail
	// Unended begins to write an object and never ends; left is how many of that there are.
	Unended func(t *testing.T, name string) (left func(*testing.T) int)
}

// Run tries all of a store. make gives an empty place.
func Run(t *testing.T, make func(*testing.T) Place) {
	for name, test := range map[string]func(*testing.T, Place){
		"what is kept is read":                         kept,
		"the same bytes are stored once":               once,
		"many bring the same bytes at the same time":   concurrent,
		"damage is found by reading":                   damaged,
		"a truncated blob is found by reading":         truncated,
		"a damaged blob is replaced":                   replaced,
		"what is absent is not found":                  absent,
		"a generation is a blob of its own":            generations,
		"what was deleted is gone":                     deleted,
		"nobody waits for what was cancelled":          cancelled,
		"staging leaves nothing behind":                staging,
		"packed blobs move from one store to another":  packed,
		"only keys name blobs":                         names,
		"a store that fails says so and keeps nothing": failing,
		"all blobs are listed, and nothing else":       listed,
		"a store has one owner":                        owned,
		"a place with other things is not claimed":     shared,
		"what never ended is swept":                    swept,
	} {
		t.Run(name, func(t *testing.T) { test(t, make(t)) })
	}
}

// Open opens a place.
func Open(t *testing.T, url string) *blobs.Store {
	t.Helper()
	s, err := blobs.Open(t.Context(), url, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Keep keeps data under a generation.
func Keep(t *testing.T, s *blobs.Store, generation, data string) blobs.Key {
	t.Helper()
	k, err := keep(t.Context(), s, generation, data)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func keep(ctx context.Context, s *blobs.Store, generation, data string) (blobs.Key, error) {
	staged, err := s.Stage(ctx, strings.NewReader(data), 64<<20)
	if err != nil {
		return blobs.Key{}, err
	}
	defer staged.Discard()
	k := blobs.Key{Digest: staged.Digest, Generation: generation}
	return k, s.Keep(ctx, k, staged)
}

// Read reads a blob to its end.
func Read(ctx context.Context, s *blobs.Store, k blobs.Key) (string, error) {
	r, err := s.Open(ctx, k)
	if err != nil {
		return "", err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	return string(data), err
}

func digest(data string) string {
	sum := sha256.Sum256([]byte(data))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// name is where a key's blob is to lie.
func name(k blobs.Key) string {
	sum := strings.TrimPrefix(k.Digest, "sha256:")
	if k.Generation != "" {
		return "sha256/" + sum[:2] + "/" + sum + "." + k.Generation + ".zst"
	}
	return "sha256/" + sum[:2] + "/" + sum + ".zst"
}

const (
	one = "0123456789abcdef"
	two = "fedcba9876543210"
)

// noise is n bytes that cannot be compressed, always the same.
func noise(n int) string {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{1}).Read(data)
	return string(data)
}

func kept(t *testing.T, p Place) {
	s := Open(t, p.URL)
	for _, data := range []string{"", "a", strings.Repeat("evidence ", 100_000), noise(20 << 20)} {
		k := Keep(t, s, one, data)
		if k.Digest != digest(data) {
			t.Errorf("digest of %d bytes is %s", len(data), k.Digest)
		}
		if got, err := Read(t.Context(), s, k); err != nil || got != data {
			t.Errorf("read %d bytes, %v; want %d", len(got), err, len(data))
		}
		if _, ok := p.Objects(t)[name(k)]; !ok {
			t.Errorf("there is no object %s", name(k))
		}
	}
}

func once(t *testing.T, p Place) {
	k := Keep(t, Open(t, p.URL), one, "the same")
	first := p.Objects(t)[name(k)]
	Keep(t, Open(t, p.URL), one, "the same")
	if diff := cmp.Diff(map[string][]byte{name(k): first}, p.Objects(t)); diff != "" {
		t.Error(diff)
	}
}

func concurrent(t *testing.T, p Place) {
	all := []*blobs.Store{Open(t, p.URL), Open(t, p.URL)}
	data := strings.Repeat("brought by many ", 10_000)
	var group sync.WaitGroup
	for n := range 16 {
		group.Go(func() {
			s := all[n%2]
			k, err := keep(t.Context(), s, one, data)
			if err != nil {
				t.Errorf("keep: %v", err)
				return
			}
			if got, err := Read(t.Context(), s, k); err != nil || got != data {
				t.Errorf("read %d bytes, %v", len(got), err)
			}
		})
	}
	group.Wait()
	if n := len(p.Objects(t)); n != 1 {
		t.Errorf("%d objects, want one", n)
	}
}

func damaged(t *testing.T, p Place) {
	s := Open(t, p.URL)
	k, other := Keep(t, s, one, "what was measured"), Keep(t, s, one, "what somebody put in its place")
	p.Put(t, name(k), p.Objects(t)[name(other)])
	if got, err := Read(t.Context(), s, k); fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), "damaged") || fault.Hint(err) == "" {
		t.Errorf("another blob's bytes: %q, %v", got, err)
	}
	for what, data := range map[string]string{"no zstd": "not compressed at all", "nothing": ""} {
		p.Put(t, name(k), []byte(data))
		if got, err := Read(t.Context(), s, k); fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
}

func truncated(t *testing.T, p Place) {
	s := Open(t, p.URL)
	k := Keep(t, s, one, noise(1<<20))
	whole := p.Objects(t)[name(k)]
	for _, n := range []int{1, len(whole) / 2, len(whole) - 1} {
		p.Put(t, name(k), whole[:n])
		if got, err := Read(t.Context(), s, k); fault.Of(err) != fault.Unavailable {
			t.Errorf("%d of %d bytes: read %d, %v", n, len(whole), len(got), err)
		}
	}
}

func replaced(t *testing.T, p Place) {
	s := Open(t, p.URL)
	k := Keep(t, s, one, "what was measured")
	for what, data := range map[string][]byte{"shorter": p.Objects(t)[name(k)][:9], "other": []byte("not compressed at all"), "empty": {}} {
		p.Put(t, name(k), data)
		Keep(t, Open(t, p.URL), one, "what was measured") // by a process that has not read it
		if got, err := Read(t.Context(), s, k); got != "what was measured" || err != nil {
			t.Errorf("%s: after the same bytes came again: %q, %v", what, got, err)
		}
	}
}

func absent(t *testing.T, p Place) {
	s := Open(t, p.URL)
	k := blobs.Key{Digest: digest("never seen"), Generation: one}
	if _, err := s.Open(t.Context(), k); fault.Of(err) != fault.NotFound {
		t.Errorf("open: %v", err)
	}
	if _, err := s.Check(t.Context(), k); fault.Of(err) != fault.NotFound {
		t.Errorf("check: %v", err)
	}
	if err := s.Delete(t.Context(), k); err != nil {
		t.Errorf("delete: %v", err)
	}
}

func generations(t *testing.T, p Place) {
	s := Open(t, p.URL)
	for _, g := range []string{"", one, two} {
		Keep(t, s, g, "x")
	}
	if n := len(p.Objects(t)); n != 3 {
		t.Errorf("%d objects, want 3", n)
	}
	for n, g := range []string{one, ""} {
		if err := s.Delete(t.Context(), blobs.Key{Digest: digest("x"), Generation: g}); err != nil {
			t.Fatal(err)
		}
		if got := len(p.Objects(t)); got != 2-n {
			t.Errorf("%d objects after %q was deleted", got, g)
		}
	}
	if got, err := Read(t.Context(), s, blobs.Key{Digest: digest("x"), Generation: two}); got != "x" || err != nil {
		t.Errorf("what was not deleted: %q, %v", got, err)
	}
}

func deleted(t *testing.T, p Place) {
	s := Open(t, p.URL)
	k := Keep(t, s, one, "x")
	for range 2 {
		if err := s.Delete(t.Context(), k); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Open(t.Context(), k); fault.Of(err) != fault.NotFound {
		t.Errorf("open: %v", err)
	}
	Keep(t, s, one, "x")
	if got, err := Read(t.Context(), s, k); got != "x" || err != nil {
		t.Errorf("kept again: %q, %v", got, err)
	}
}

func cancelled(t *testing.T, p Place) {
	s := Open(t, p.URL)
	staged, err := s.Stage(t.Context(), strings.NewReader("all of it"), 100)
	if err != nil {
		t.Fatal(err)
	}
	defer staged.Discard()
	k := blobs.Key{Digest: staged.Digest, Generation: one}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for what, err := range map[string]error{
		"keep": s.Keep(ctx, k, staged), "delete": s.Delete(ctx, k), "claim": s.Claim(ctx, "x"),
	} {
		// A store may have done what it was asked before it looked.
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for name := range p.Objects(t) {
		if name == "installation" {
			continue
		}
		if got, err := Read(t.Context(), s, k); got != "all of it" || err != nil {
			t.Errorf("half a blob is left: %s: %q, %v", name, got, err)
		}
	}
	Keep(t, s, one, noise(1<<20))
	k.Digest = digest(noise(1 << 20))
	ctx, cancel = context.WithCancel(t.Context())
	r, err := s.Open(ctx, k)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cancel()
	if _, err := io.Copy(io.Discard, iotest.OneByteReader(r)); !errors.Is(err, context.Canceled) {
		t.Errorf("read on after the end: %v", err)
	}
}

func staging(t *testing.T, p Place) {
	s := Open(t, p.URL)
	broken := errors.New("line cut")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx  context.Context
		r    io.Reader
		want func(error) bool
	}{
		"too long":  {t.Context(), bytes.NewReader(make([]byte, 101)), func(err error) bool { return fault.Of(err) == fault.TooLarge }},
		"broken":    {t.Context(), io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)), func(err error) bool { return errors.Is(err, broken) }},
		"cancelled": {ended, strings.NewReader("x"), func(err error) bool { return errors.Is(err, context.Canceled) }},
	} {
		staged, err := s.Stage(test.ctx, test.r, 100)
		if staged != nil || !test.want(err) {
			t.Errorf("%s: %v, %v", name, staged, err)
		}
	}
	if n := len(p.Objects(t)); n != 0 {
		t.Errorf("%d objects left behind", n)
	}
}

func packed(t *testing.T, p Place) {
	from, to := Open(t, t.TempDir()), Open(t, p.URL)
	k := Keep(t, from, one, noise(100_000))
	r, err := from.OpenPacked(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	staged, err := to.StagePacked(t.Context(), bytes.NewReader(raw), k.Digest)
	if err != nil {
		t.Fatal(err)
	}
	defer staged.Discard()
	if err := to.Keep(t.Context(), k, staged); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]byte{name(k): raw}, p.Objects(t)); diff != "" {
		t.Error(diff)
	}
	bad := bytes.Clone(raw)
	bad[len(bad)/2] ^= 1
	broken := errors.New("line cut")
	for name, test := range map[string]struct {
		r    io.Reader
		want func(error) bool
	}{
		"a bit is wrong": {bytes.NewReader(bad), func(err error) bool { return fault.Of(err) == fault.Invalid }},
		"the end lacks":  {bytes.NewReader(raw[:len(raw)-1]), func(err error) bool { return fault.Of(err) == fault.Invalid }},
		"cannot be read": {io.MultiReader(bytes.NewReader(raw[:100]), iotest.ErrReader(broken)), func(err error) bool { return errors.Is(err, broken) }},
	} {
		if staged, err := to.StagePacked(t.Context(), test.r, k.Digest); staged != nil || !test.want(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func names(t *testing.T, p Place) {
	s := Open(t, p.URL)
	for _, k := range []blobs.Key{
		{}, {Digest: "sha256:../../../etc/passwd"}, {Digest: "sha256:" + strings.Repeat("A", 64)}, {Digest: "sha512:" + strings.Repeat("a", 64)},
		{Digest: digest("x"), Generation: "../x"}, {Digest: digest("x"), Generation: strings.Repeat("g", 16)}, {Digest: digest("x"), Generation: "ab"},
	} {
		if _, err := s.Open(t.Context(), k); fault.Of(err) != fault.Invalid {
			t.Errorf("open %v: %v", k, err)
		}
		if err := s.Delete(t.Context(), k); fault.Of(err) != fault.Invalid {
			t.Errorf("delete %v: %v", k, err)
		}
	}
	staged, err := s.Stage(t.Context(), strings.NewReader("x"), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer staged.Discard()
	if err := s.Keep(t.Context(), blobs.Key{Digest: digest("y"), Generation: one}, staged); fault.Of(err) != fault.Invalid {
		t.Errorf("kept under another digest: %v", err)
	}
}

func failing(t *testing.T, p Place) {
	s := Open(t, p.URL)
	mend := p.Break(t)
	if _, err := keep(t.Context(), s, one, "x"); fault.Of(err) != fault.Unavailable {
		t.Errorf("keep in a store that fails: %v", err)
	}
	mend()
	if n := len(p.Objects(t)); n != 0 {
		t.Errorf("%d objects are left", n)
	}
	k := Keep(t, s, one, "x")
	if got, err := Read(t.Context(), s, k); got != "x" || err != nil {
		t.Errorf("after it was mended: %q, %v", got, err)
	}
}

func listed(t *testing.T, p Place) {
	s := Open(t, p.URL)
	want, got := map[blobs.Key]bool{}, map[blobs.Key]bool{}
	for n := range 5 {
		want[Keep(t, s, one, fmt.Sprint(n))] = true
	}
	want[Keep(t, s, "", "1")] = true
	if err := s.Claim(t.Context(), "me"); err != nil {
		t.Fatal(err)
	}
	p.Put(t, "sha256/aa/README.zst", []byte("x"))
	err := s.Each(t.Context(), func(k blobs.Key) error {
		got[k] = true
		return nil
	})
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, %s", err, diff)
	}
	enough := errors.New("enough")
	if err := s.Each(t.Context(), func(blobs.Key) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("a visit that fails: %v", err)
	}
}

func owned(t *testing.T, p Place) {
	s := Open(t, p.URL)
	if owner, err := s.Owner(t.Context()); owner != "" || err != nil {
		t.Errorf("before: %q, %v", owner, err)
	}
	for range 2 {
		if err := s.Claim(t.Context(), "me"); err != nil {
			t.Fatal(err)
		}
	}
	if err := Open(t, p.URL).Claim(t.Context(), "you"); fault.Of(err) != fault.Conflict || fault.Hint(err) == "" {
		t.Errorf("claimed by another: %v", err)
	}
	if owner, err := s.Owner(t.Context()); owner != "me" || err != nil {
		t.Errorf("after: %q, %v", owner, err)
	}
	if err := s.TakeOver(t.Context(), "you"); err != nil {
		t.Fatal(err)
	}
	if err := s.Claim(t.Context(), "me"); fault.Of(err) != fault.Conflict {
		t.Errorf("claimed by whom it was taken from: %v", err)
	}
}
