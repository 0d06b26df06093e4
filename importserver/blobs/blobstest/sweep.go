package blobstest

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver/blobs"
)

func swept(t *testing.T, p Place) {
	s := Open(t, p.URL)
	k := Keep(t, s, one, "complete")
	if err := s.Claim(t.Context(), "me"); err != nil {
		t.Fatal(err)
	}
	left := p.Unended(t, name(blobs.Key{Digest: digest("half"), Generation: one}))
	others := []func(*testing.T) int{p.Unended(t, "thesis.pdf"), p.Unended(t, "sha256/aa/thesis.zst")}
	foreign := map[string][]byte{}
	for _, name := range []string{"thesis.txt", "photos/a.jpg", "notes.tmp", "sha256/README", "sha256/aa/notes.tmp", name(k) + ".txt"} {
		foreign[name] = []byte("somebody else's")
		p.Put(t, name, foreign[name])
	}
	for _, test := range []struct {
		what       string
		since      time.Time
		swept, are int
	}{
		{"what is fresh may be under way", time.Now().Add(-time.Hour), 0, 1},
		{"what is old is nobody's", time.Now().Add(time.Hour), 1, 0},
		{"there is nothing more", time.Now().Add(time.Hour), 0, 0},
	} {
		if n, err := s.Sweep(t.Context(), test.since); n != test.swept || err != nil {
			t.Errorf("%s: swept %d, %v; want %d", test.what, n, err, test.swept)
		}
		if n := left(t); n != test.are {
			t.Errorf("%s: %d are left, want %d", test.what, n, test.are)
		}
	}
	all := p.Objects(t)
	for name, data := range foreign {
		if !bytes.Equal(all[name], data) {
			t.Errorf("%s after the sweep: %q", name, all[name])
		}
	}
	for n, left := range others {
		if left(t) != 1 {
			t.Errorf("what somebody else did not end, number %d, is gone", n)
		}
	}
	if got, err := Read(t.Context(), s, k); got != "complete" || err != nil {
		t.Errorf("a complete blob after the sweep: %q, %v", got, err)
	}
	if owner, err := s.Owner(t.Context()); owner != "me" || err != nil {
		t.Errorf("the owner after the sweep: %q, %v", owner, err)
	}
}

func shared(t *testing.T, p Place) {
	s := Open(t, p.URL)
	Keep(t, s, one, "ours")
	p.Unended(t, name(blobs.Key{Digest: digest("half"), Generation: one}))
	for _, foreign := range []string{"thesis.txt", "photos/a.jpg", "sha256/README", "tidepole.db"} {
		p.Put(t, foreign, []byte("somebody else's"))
		if err := s.Claim(t.Context(), "me"); fault.Of(err) != fault.Conflict || !strings.Contains(err.Error(), foreign) || fault.Hint(err) == "" {
			t.Errorf("claimed beside %s: %v; hint %q", foreign, err, fault.Hint(err))
		}
		if owner, err := s.Owner(t.Context()); owner != "" || err != nil {
			t.Fatalf("the owner beside %s: %q, %v", foreign, owner, err)
		}
		p.Remove(t, foreign)
	}
	if err := s.Claim(t.Context(), "me"); err != nil {
		t.Errorf("claimed with nothing but blobs in it, complete or not: %v", err)
	}
}
