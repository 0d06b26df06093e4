package layers_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/layers"
)

// anyEntries are entries of all sorts, many of which are like the one before.
func anyEntries(r *rand.Rand, n int) []layers.Entry {
	folder := "/"
	var all []layers.Entry
	var e layers.Entry
	for range n {
		switch r.IntN(9) {
		case 0:
			folder = "/" + strings.Repeat(fmt.Sprintf("folder%d/", r.IntN(10)), r.IntN(60))
		case 1:
			e.Type, e.Mode = tar.TypeDir, 0o755
		case 2:
			e.Type, e.Mode = tar.TypeReg, []int64{0o644, 0o4755, 0o40755, 0o100600}[r.IntN(4)]
		case 3:
			e.UID, e.GID = r.IntN(3)-1, 1<<r.IntN(40)
		case 4:
			e.ModTime = time.Unix(r.Int64N(1<<35)-1<<34, r.Int64N(2)*r.Int64N(1e9))
		case 5:
			e.MIME = []string{"", "text/plain", "image/png"}[r.IntN(3)]
		}
		e.Path = fmt.Sprintf("%s%d", folder, r.IntN(1000))
		e.Link, e.Size, e.Digest = "", 0, [sha256.Size]byte{}
		if e.Regular = e.Type == tar.TypeReg && r.IntN(5) > 0; e.Regular {
			e.Digest = sha256.Sum256(nil)
		}
		if r.IntN(3) > 0 {
			e.Size = r.Int64N(1 << (1 + r.IntN(50)))
		}
		if e.Regular && e.Size > 0 {
			e.Digest = sha256.Sum256([]byte(e.Path))
		}
		if r.IntN(10) == 0 {
			e.Link = strings.Repeat("../", r.IntN(1300))
		}
		e.Sparse = e.Regular && r.IntN(20) == 0
		all = append(all, e)
	}
	return all
}

func TestIndex(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 63, 64, 65, 10_000} {
		want := anyEntries(r, n)
		x := &layers.Index{}
		for _, e := range want {
			x.Add(e)
		}
		sameEntries(t, r, fmt.Sprintf("%d entries", n), x, want)
		sameEntries(t, r, fmt.Sprintf("%d entries, from a record", n), throughRecord(t, x), want)
	}
}

// A large index is in pieces as large as they get, and is read again from its record.
func TestLargeIndex(t *testing.T) {
	const n = 300_000
	x := &layers.Index{}
	e := layers.Entry{Type: tar.TypeReg, Regular: true, Size: 1}
	for i := range n {
		e.Path, e.Link = fmt.Sprintf("/%d", i), ""
		if i < 5000 {
			e.Link = strings.Repeat("x", 4000)
		}
		x.Add(e)
	}
	if rows, digests := layers.Pieces(x); rows > 40 || digests > n/500 {
		t.Errorf("%d pieces of rows, %d of digests", rows, digests)
	}
	if got := throughRecord(t, x); got.Len() != n || got.Entry(n-1).Path != e.Path {
		t.Errorf("%d entries, the last of which is %s", got.Len(), got.Entry(got.Len()-1).Path)
	}
}

// throughRecord writes an index to a record, and gives what is read of that.
func throughRecord(t *testing.T, x *layers.Index) *layers.Index {
	t.Helper()
	var file bytes.Buffer
	if err := layers.NewWriter(&file).Finish(x); err != nil {
		t.Fatal(err)
	}
	record, err := layers.OpenRecord(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return record.Index()
}

func sameEntries(t *testing.T, r *rand.Rand, what string, x *layers.Index, want []layers.Entry) {
	t.Helper()
	var got []layers.Entry
	var sizes, all int64
	for n := range x.Len() {
		e := x.Entry(n)
		got = append(got, e)
		all += e.Size
		if string(x.Path(n)) != e.Path || string(x.Link(n)) != e.Link || x.Size(n) != e.Size || x.Type(n) != e.Type ||
			x.MIME(n) != e.MIME || x.Regular(n) != e.Regular || x.Folder(n) != e.Info().IsDir() {
			t.Fatalf("%s: of entry %d parts differ from all of it: %+v", what, n, e)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
	if sizes = x.Sizes(); sizes != all {
		t.Errorf("%s: their sizes are %d, want %d", what, sizes, all)
	}
	for n, p := range x.Paths() {
		if string(p) != want[n].Path {
			t.Fatalf("%s: path %d is %q, want %q", what, n, p, want[n].Path)
		}
	}
	c, n := x.Cursor(), 0
	for range 2 * len(want) {
		if n += r.IntN(5) - 1; n < 0 || n >= len(want) || r.IntN(20) == 0 {
			n = r.IntN(len(want))
		}
		if p := c.Path(n); string(p) != want[n].Path {
			t.Fatalf("%s: a cursor has path %d as %q, want %q", what, n, p, want[n].Path)
		}
		e := x.Entry(n)
		if at := c.Entry(n); at != e {
			t.Fatalf("%s: a cursor has entry %d as %+v, want %+v", what, n, at, e)
		}
		if filled := x.Filled(n); filled != (e.Regular && e.Size > 0) {
			t.Fatalf("%s: entry %d is filled: %v, and is %+v", what, n, filled, e)
		}
	}
}
