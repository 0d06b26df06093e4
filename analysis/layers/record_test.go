package layers_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/layers"
)

// mixed is a tar with contents of all sizes and kinds, some of them ballast, and
// what they are by ordinal.
func mixed(t testing.TB) ([]byte, []header) {
	rng := rand.New(rand.NewSource(5))
	var all []header
	for i, size := range []int{0, 1, 100, 256<<10 - 101, 1, 256 << 10, 256<<10 + 1, 3 << 20, 5, 0, 700_000} {
		noise := make([]byte, size)
		rng.Read(noise)
		all = append(all, file(fmt.Sprintf("noise/%d", i), string(noise)),
			file(fmt.Sprintf("text/%d.json", i), strings.Repeat("text ", size/5)),
			file(fmt.Sprintf("ballast/%d.png", i), strings.Repeat("pixel", size/5)),
			link('1', fmt.Sprintf("hard/%d", i), fmt.Sprintf("noise/%d", i)))
	}
	for i := range 300 {
		all = append(all, file(fmt.Sprintf("small/%d", i), fmt.Sprint(i)))
	}
	return tarOf(t, all...), all
}

func TestRecord(t *testing.T) {
	data, all := mixed(t)
	attached := map[string][]byte{"empty": {}, "text": bytes.Repeat([]byte("text "), 200_000), "index": []byte("of the same name"), "zeros": make([]byte, 1<<20)}
	r, _ := record(t, data, attached)
	x, err := readTar(t.Context(), data, layers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := entries(x)
	for i := range want {
		want[i].Kept = want[i].Regular && (!strings.HasSuffix(want[i].Path, ".png") || want[i].Size == 0)
	}
	if diff := cmp.Diff(want, entries(r.Index())); diff != "" {
		t.Errorf("entries (-read +opened):\n%.3000s", diff)
	}
	for n, body := range contents(t, r) {
		if body != all[n].body {
			t.Errorf("%s has another content of %d bytes", all[n].Name, len(body))
		}
	}
	for name, data := range attached {
		got, ok := r.Attachment(name)
		if !ok || !bytes.Equal(got, data) {
			t.Errorf("attachment %q: %v, %d bytes", name, ok, len(got))
		}
	}
	if _, ok := r.Attachment("none"); ok || len(r.Attachments()) != len(attached) {
		t.Errorf("attachments are %q", r.Attachments())
	}
	for _, ordinal := range []int{-1, 2, 3, x.Len()} {
		if _, ok := r.Content(ordinal); ok != (ordinal == 2) { // an empty one
			t.Errorf("content of %d: %v", ordinal, ok)
		}
	}
}

func TestContentReader(t *testing.T) {
	data, all := mixed(t)
	r, _ := record(t, data, nil)
	for n, h := range all {
		if c, ok := r.Content(n); ok {
			if err := iotest.TestReader(c, []byte(h.body)); err != nil {
				t.Errorf("%s: %v", h.Name, err)
			}
		}
	}
}

func TestContentsBeforeTheEnd(t *testing.T) {
	data, all := mixed(t)
	var out bytes.Buffer
	w := layers.NewWriter(&out)
	x, err := layers.Read(t.Context(), bytes.NewReader(data), w, layers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := w.Contents(x, bytes.NewReader(out.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	for n, body := range contents(t, r) {
		if body != all[n].body {
			t.Errorf("%s has another content of %d bytes", all[n].Name, len(body))
		}
	}
	if err := w.Finish(x); err != nil {
		t.Error(err)
	}
}

// TestManyReaders reads more blocks than are cached from many goroutines.
func TestManyReaders(t *testing.T) {
	rng := rand.New(rand.NewSource(6))
	body := make([]byte, 30<<20)
	rng.Read(body)
	for i := range len(body) / 3 {
		body[3*i] = 'x' // so that it packs
	}
	text := string(body)
	r, _ := record(t, tarOf(t, file("a", text)), nil)
	c, ok := r.Content(0)
	if !ok {
		t.Fatal("it is not kept")
	}
	var all sync.WaitGroup
	for seed := range 8 {
		all.Go(func() {
			rng := rand.New(rand.NewSource(int64(seed)))
			for range 100 {
				at := rng.Intn(len(text))
				p := make([]byte, 1+rng.Intn(600_000))
				n, err := c.ReadAt(p, int64(at))
				if short := n < len(p); string(p[:n]) != text[at:min(at+len(p), len(text))] || short != errors.Is(err, io.EOF) {
					t.Errorf("%d bytes at %d: %d, %v", len(p), at, n, err)
				}
			}
		})
	}
	all.Wait()
}

func TestAttachTwice(t *testing.T) {
	w := layers.NewWriter(io.Discard)
	w.Attach("a", nil)
	w.Attach("a", nil)
	if err := w.Finish(&layers.Index{}); err == nil || !strings.Contains(err.Error(), `"a"`) {
		t.Errorf("error is %v", err)
	}
}

func TestRecordWithoutALayer(t *testing.T) {
	var out bytes.Buffer
	w := layers.NewWriter(&out)
	w.Attach("a", []byte("b"))
	if err := w.Finish(&layers.Index{}); err != nil {
		t.Fatal(err)
	}
	if w.Finish(&layers.Index{}) == nil {
		t.Error("it can be finished twice")
	}
	r, err := layers.OpenRecord(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := r.Attachment("a"); !ok || string(got) != "b" || r.Index().Len() != 0 {
		t.Errorf("it holds %q and %d entries", got, r.Index().Len())
	}
}

// TestDamagedRecord changes and cuts a record everywhere: what is read is right,
// or an error is.
func TestDamagedRecord(t *testing.T) {
	var all []header
	for i := range 50 {
		all = append(all, file(fmt.Sprintf("f%d", i), strings.Repeat(fmt.Sprintf("%d ", i), 100)))
	}
	_, good := record(t, tarOf(t, all...), map[string][]byte{"a": []byte("attached")})
	open := func(data []byte) (intact bool, err error) {
		r, err := layers.OpenRecord(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return false, err
		}
		for n, h := range all {
			c, ok := r.Content(n)
			if !ok {
				t.Fatal("a content is lost")
			}
			got, err := io.ReadAll(c)
			if err != nil {
				return false, err
			}
			if string(got) != h.body {
				t.Error("a content is wrong")
			}
		}
		a, ok := r.Attachment("a")
		return ok && string(a) == "attached", nil
	}
	if ok, err := open(good); !ok {
		t.Fatal(err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		if _, err := open(bad); !errors.Is(err, layers.ErrDamaged) {
			t.Errorf("with another byte at %d of %d: %v", i, len(good), err)
		}
		if _, err := open(good[:i]); !errors.Is(err, layers.ErrDamaged) {
			t.Errorf("cut to %d of %d bytes: %v", i, len(good), err)
		}
	}
	why := errors.New("the disk is gone")
	if _, err := layers.OpenRecord(gone{why}, 1000); !errors.Is(err, why) || errors.Is(err, layers.ErrDamaged) {
		t.Errorf("a disk that fails: %v", err)
	}
}

type gone struct{ err error }

func (g gone) ReadAt([]byte, int64) (int, error) { return 0, g.err }
