package layers_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	stereofile "github.com/anchore/stereoscope/pkg/file"
	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/layers"
	"github.com/tidepole/tidepole/formats/fault"
)

func TestEntries(t *testing.T) {
	long := strings.Repeat("long ", 1<<20)
	data := tarOf(t,
		file("a", "1"), file("./b", ""), file("c/../d", long), file("a", "2"), file("/e//f/.", "3"), file("../../g", "4"),
		link(tar.TypeLink, "hard", "a"), link(tar.TypeSymlink, "soft", "../a"), link(tar.TypeDir, "dir/", ""), link(tar.TypeDir, "./", ""),
		file(".wh.gone", "x"), link(tar.TypeFifo, "fifo", ""),
	)
	x, err := readTar(t.Context(), data, layers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	type entry struct {
		Path, Link string
		Type       byte
		Digest     string
	}
	var got []entry
	for _, e := range entries(x) {
		d := ""
		if e.Regular {
			d = e.SHA256()
		}
		got = append(got, entry{e.Path, e.Link, e.Type, d})
	}
	want := []entry{
		{"/a", "", '0', sum("1")}, {"/b", "", '0', sum("")}, {"/d", "", '0', sum(long)}, {"/a", "", '0', sum("2")},
		{"/e/f", "", '0', sum("3")}, {"/g", "", '0', sum("4")},
		{"/hard", "a", '1', ""}, {"/soft", "../a", '2', ""}, {"/dir", "", '5', ""}, {"/", "", '5', ""},
		{"/.wh.gone", "", '0', sum("x")}, {"/fifo", "", '6', ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
}

// odd is a tar of all that a tar can hold.
func odd(t testing.TB) []byte {
	var all []header
	add := func(h tar.Header, body string) { all = append(all, header{h, body}) }
	for i, body := range []string{
		"", "a", "#!/bin/sh\n", "\x7fELF\x02\x01\x01\x00" + strings.Repeat("\x00", 8) + "\x02\x00", "MZ\x90\x00", "{\"a\": 1}", "<?xml version='1.0'?><a/>",
		"PK\x03\x04", "\x1f\x8b\x08", strings.Repeat("text ", 3_000), "<html>", "a,b\n1,2\n", "\xca\xfe\xba\xbe\x00\x00\x00\x02",
	} {
		add(tar.Header{Name: fmt.Sprintf("kinds/%d", i), Typeflag: tar.TypeReg, Size: int64(len(body)), Mode: 0o4755, Uid: i, Gid: 2 * i, ModTime: time.Unix(int64(i)*1e8, 0)}, body)
	}
	for _, at := range []int{1000, 3071, 3072, 3073, 4095, 4096, 4097, 8191, 8192} { // where text stops to be text
		body := strings.Repeat("a", at) + "\x00\x01\x02" + strings.Repeat("b", 9000)
		add(tar.Header{Name: fmt.Sprintf("limit/%d", at), Typeflag: tar.TypeReg, Size: int64(len(body)), Mode: 0o600}, body)
	}
	add(tar.Header{Name: "fractions", Typeflag: tar.TypeReg, ModTime: time.Unix(5, 123456789), AccessTime: time.Unix(7, 0), Format: tar.FormatPAX}, "")
	add(tar.Header{Name: "before", Typeflag: tar.TypeReg, ModTime: time.Unix(-5, 1), Format: tar.FormatPAX}, "")
	add(tar.Header{Name: "large ids", Typeflag: tar.TypeReg, Uid: 1 << 31, Gid: 1 << 40, Format: tar.FormatPAX}, "")
	add(tar.Header{Name: strings.Repeat("gnu/", 300) + "x", Typeflag: tar.TypeReg, Size: 1, Format: tar.FormatGNU}, "y")
	add(tar.Header{Name: strings.Repeat("pax/", 300) + "ö", Typeflag: tar.TypeSymlink, Linkname: strings.Repeat("to/", 300), Format: tar.FormatPAX}, "")
	add(tar.Header{Name: "xattr", Typeflag: tar.TypeReg, PAXRecords: map[string]string{"SCHILY.xattr.security.capability": "x"}, Format: tar.FormatPAX}, "")
	add(tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "global"}}, "")
	add(tar.Header{Name: "dev", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 2}, "")
	add(tar.Header{Name: "block", Typeflag: tar.TypeBlock, Devmajor: 1, Devminor: 2}, "")
	add(tar.Header{Name: "contiguous", Typeflag: tar.TypeCont, Size: 5}, "#!/bi")
	add(tar.Header{Name: "unknown", Typeflag: 'Z', Size: 3}, "abc")
	data := tarOf(t, all...)
	data = data[:len(data)-1024]
	for _, flag := range []byte{tar.TypeDir, tar.TypeSymlink, tar.TypeLink, tar.TypeFifo} { // with a size, and nothing that has it
		data = append(data, sized(t, flag)...)
	}
	slash := tarOf(t, file("regular with a slash?", "abc"))[:1024]
	slash[len("regular with a slash")] = '/'
	checksum(slash[:512])
	data = append(data, slash...)
	data = append(data, tarOf(t, file("last of all", "zzz"))...)
	hole := sparse(t, "#!/bin/sh\n", 5000)
	return append(hole[:len(hole)-1024], data...)
}

// sized is the header of an entry that has no content, and claims one.
func sized(t testing.TB, flag byte) []byte {
	t.Helper()
	data := tarOf(t, header{tar.Header{Name: "sized" + string(flag), Typeflag: tar.TypeReg, Size: 12345}, strings.Repeat("x", 12345)})[:512]
	data[156] = flag
	checksum(data)
	return data
}

func checksum(h []byte) {
	copy(h[148:156], "        ")
	sum := 0
	for _, b := range h {
		sum += int(b)
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
}

// what syft would be told of an entry.
type told struct {
	Path, Link, MIME string
	Type             stereofile.Type
	UID, GID         int
	Size             int64
	Mode             os.FileMode
	Time             string
	Name             string
}

func TestEntriesAreSyfts(t *testing.T) {
	data := odd(t)
	name := filepath.Join(t.TempDir(), "layer.tar")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	var want []told
	ti, err := stereofile.NewTarIndex(name, func(i stereofile.TarIndexEntry) error {
		m := stereofile.NewMetadata(i.ToTarFileEntry().Header, i.Open())
		want = append(want, told{
			m.Path, m.LinkDestination, m.MIMEType, m.Type, m.UserID, m.GroupID, m.Size(), m.Mode(), m.ModTime().UTC().String(), m.Name(),
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer ti.Close()
	for _, chunk := range []int{1 << 20, 512, 4099} {
		x, err := layers.Read(t.Context(), limited{bytes.NewReader(data), chunk}, nil, layers.Options{})
		if err != nil {
			t.Fatal(err)
		}
		var got []told
		for _, e := range entries(x) {
			got = append(got, told{
				e.Path, e.Link, e.MIME, stereofile.TypeFromTarType(e.Type), e.UID, e.GID, e.Info().Size(), e.Info().Mode(),
				e.Info().ModTime().UTC().String(), e.Info().Name(),
			})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("read in chunks of %d (-syft +own):\n%s", chunk, diff)
		}
	}
}

type limited struct {
	r    io.Reader
	most int
}

func (l limited) Read(p []byte) (int, error) { return l.r.Read(p[:min(len(p), l.most)]) }

// TestKindsAcrossPieces reads contents that begin everywhere in what is read
// ahead at once.
func TestKindsAcrossPieces(t *testing.T) {
	rng := rand.New(rand.NewSource(2))
	var all []header
	for i := range 400 {
		body := strings.Repeat("text ", rng.Intn(2000)) + strings.Repeat("\x01\x02", rng.Intn(3)) + strings.Repeat("a", rng.Intn(5000))
		all = append(all, file(fmt.Sprint(i), body))
	}
	x, err := readTar(t.Context(), tarOf(t, all...), layers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for n, h := range all {
		if got, want := x.MIME(n), stereofile.MIMEType(strings.NewReader(h.body)); got != want {
			t.Errorf("%d bytes: %q, want %q", len(h.body), got, want)
		}
		if got := x.Entry(n).SHA256(); got != sum(h.body) {
			t.Errorf("%d bytes: the digest is %s", len(h.body), got)
		}
	}
}

// seen is what an observer was shown.
type seen struct {
	Ordinal int
	Path    string
	Size    int64
	MIME    string
	Body    string
}

type recorder struct {
	mu   sync.Mutex
	list []seen
}

func (r *recorder) observe(e layers.Entry, ordinal int, from io.Reader) {
	data, err := io.ReadAll(from)
	if err != nil {
		data = []byte(err.Error())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, seen{ordinal, e.Path, e.Size, e.MIME, string(data)})
}

func (r *recorder) sorted() []seen {
	slices.SortFunc(r.list, func(a, b seen) int { return a.Ordinal - b.Ordinal })
	return r.list
}

func TestObservers(t *testing.T) {
	long := strings.Repeat("0123456789", 300_000)
	middle := strings.Repeat("9876543210", 100_000)
	data := tarOf(t, file("a", "first"), file("a", "again"), file("long", long), file("empty", ""), file("d/.wh.b", "x"),
		file("middle", middle), link(tar.TypeLink, "hard", "a"), file("c", "last"))
	var whole, written recorder
	nothing, some := 0, 0
	var mu sync.Mutex
	observers := []layers.Observer{
		func(layers.Entry, int, io.Reader) { mu.Lock(); defer mu.Unlock(); nothing++ },
		whole.observe,
		func(_ layers.Entry, _ int, r io.Reader) {
			n, _ := io.ReadFull(r, make([]byte, 3))
			mu.Lock()
			defer mu.Unlock()
			some += n
		},
		func(e layers.Entry, ordinal int, r io.Reader) {
			var all bytes.Buffer
			_, _ = io.ReadFull(r, make([]byte, 2))
			_, err := r.(io.WriterTo).WriteTo(&all)
			written.observe(e, ordinal, io.MultiReader(&all, failing{err}))
		},
	}
	if _, err := readTar(t.Context(), data, layers.Options{Observers: observers}); err != nil {
		t.Fatal(err)
	}
	text := "text/plain"
	want := []seen{
		{0, "/a", 5, text, "first"}, {1, "/a", 5, text, "again"}, {2, "/long", 3_000_000, text, long},
		{5, "/middle", 1_000_000, text, middle}, {7, "/c", 4, text, "last"},
	}
	if diff := cmp.Diff(want, whole.sorted()); diff != "" {
		t.Errorf("observed (-want +got):\n%.2000s", diff)
	}
	for i := range want {
		want[i].Body = want[i].Body[2:]
	}
	if diff := cmp.Diff(want, written.sorted()); diff != "" {
		t.Errorf("written (-want +got):\n%.2000s", diff)
	}
	if nothing != 5 || some != 15 {
		t.Errorf("observers that stop early saw %d files and %d bytes, want 5 and 15", nothing, some)
	}
}

// failing ends with an error, or well where it is nil.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF
	}
	return 0, f.err
}

// TestManyFilesObserved keeps and observes more than fits into memory at once.
func TestManyFilesObserved(t *testing.T) {
	rng := rand.New(rand.NewSource(3))
	var all []header
	want := map[int]string{}
	for i := range 600 {
		body := make([]byte, rng.Intn(1<<(6+rng.Intn(16))))
		rng.Read(body)
		name := fmt.Sprintf("f%d", i)
		if rng.Intn(2) == 0 {
			name += ".png" // ballast
		}
		all = append(all, file(name, string(body)))
		if len(body) > 0 {
			want[i] = sum(string(body))
		}
	}
	got := map[int]string{}
	var mu sync.Mutex
	observe := func(_ layers.Entry, ordinal int, r io.Reader) {
		data, err := io.ReadAll(r)
		mu.Lock()
		defer mu.Unlock()
		got[ordinal] = sum(string(data))
		if err != nil {
			t.Error(err)
		}
	}
	var out bytes.Buffer
	w := layers.NewWriter(&out)
	lazy := func(layers.Entry, int, io.Reader) {}
	x, err := layers.Read(t.Context(), bytes.NewReader(tarOf(t, all...)), w, layers.Options{Observers: []layers.Observer{observe, lazy}})
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(got, want) {
		t.Error("what was observed differs")
	}
	if err := w.Finish(x); err != nil {
		t.Fatal(err)
	}
	r, err := layers.OpenRecord(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	have := contents(t, r)
	for n, h := range all {
		body, ok := have[n]
		if ok == (strings.HasSuffix(h.Name, ".png") && h.body != "") || ok && body != h.body {
			t.Errorf("%s: kept %v with %d bytes of %d", h.Name, ok, len(body), len(h.body))
		}
	}
}

func TestDamage(t *testing.T) {
	good := tarOf(t, file("a", strings.Repeat("1", 5000)), file("b", "2"))
	head := bytes.Clone(good)
	head[5632+3] ^= 0xff // in the second entry's header
	long := tarOf(t, file("long", strings.Repeat("1", 2<<20)))
	tests := []struct {
		name string
		tar  []byte
		want []string
		kind fault.Kind
	}{
		{"cut in a file", good[:3000], []string{"/a", "damaged"}, fault.Unsupported},
		{"cut in a long file", long[:1<<20+5000], []string{"/long", "damaged"}, fault.Unsupported},
		{"cut in a header", good[:5632+100], []string{"damaged"}, fault.Unsupported},
		{"a broken header", head, []string{"damaged"}, fault.Unsupported},
		{"no tar at all", bytes.Repeat([]byte("text "), 1000), []string{"damaged"}, fault.Unsupported},
		{"a path that is too long", tarOf(t, file(strings.Repeat("d/", 3000)+"x", "")), []string{"longer than 4096"}, fault.TooLarge},
		{"a link that is too long", tarOf(t, link(tar.TypeSymlink, "a", strings.Repeat("d/", 3000))), []string{"longer than 4096"}, fault.TooLarge},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var all recorder
			var out bytes.Buffer
			w := layers.NewWriter(&out)
			x, err := layers.Read(t.Context(), bytes.NewReader(test.tar), w, layers.Options{Observers: []layers.Observer{all.observe}})
			if err == nil || x != nil {
				t.Fatal("no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if fault.Of(err) != test.kind {
				t.Errorf("%q is %v", err, fault.Of(err))
			}
			if w.Finish(&layers.Index{}) == nil {
				t.Error("its record can be finished")
			}
		})
	}
}

func TestSourceThatFails(t *testing.T) {
	why := errors.New("the digest is wrong")
	data := tarOf(t, file("a", strings.Repeat("1", 3<<20)))
	for _, n := range []int{0, 100, 512, 5000, 2 << 20, len(data) - 1024, len(data)} {
		r := io.MultiReader(bytes.NewReader(data[:n]), failing{why})
		if _, err := layers.Read(t.Context(), r, nil, layers.Options{}); !errors.Is(err, why) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
	if _, err := layers.Read(t.Context(), panicking{}, nil, layers.Options{}); err == nil || !strings.Contains(err.Error(), "panic: oops") {
		t.Errorf("a source that panics: %v", err)
	}
}

type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("oops") }

func TestTrailingBytesAreDrained(t *testing.T) {
	data := append(tarOf(t, file("a", "1")), bytes.Repeat([]byte("trailing"), 300_000)...)
	r := bytes.NewReader(data)
	if _, err := layers.Read(t.Context(), r, nil, layers.Options{}); err != nil || r.Len() != 0 {
		t.Errorf("left %d of %d bytes: %v", r.Len(), len(data), err)
	}
}

func TestWriterThatFails(t *testing.T) {
	why := errors.New("the disk is full")
	noise := make([]byte, 4<<20)
	rand.New(rand.NewSource(4)).Read(noise)
	data := tarOf(t, file("a", string(noise)), file("b", "1"))
	for _, n := range []int{0, 100_000} {
		_, err := layers.Read(t.Context(), bytes.NewReader(data), layers.NewWriter(&full{n, why}), layers.Options{})
		if !errors.Is(err, why) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

// full takes so many bytes.
type full struct {
	left int
	err  error
}

func (f *full) Write(p []byte) (int, error) {
	n := min(len(p), f.left)
	if f.left -= n; n < len(p) {
		return n, f.err
	}
	return n, nil
}

func TestPanicOfAnObserver(t *testing.T) {
	for _, size := range []int{10, 2 << 20} {
		data := tarOf(t, file("a", strings.Repeat("1", size)))
		_, err := readTar(t.Context(), data, layers.Options{
			Observers: []layers.Observer{func(layers.Entry, int, io.Reader) { panic("oops") }},
		})
		if err == nil || !strings.Contains(err.Error(), "search /a: panic: oops") {
			t.Errorf("%d bytes: error is %v", size, err)
		}
	}
}

// timid is a context that panics when it is asked for the n-th time.
type timid struct {
	context.Context
	left *atomic.Int64
}

func (c timid) Err() error {
	if c.left.Add(-1) == 0 {
		panic("oops")
	}
	return c.Context.Err()
}

// A panic while a file streams by its observers ends them all.
func TestPanicWithinAFile(t *testing.T) {
	for _, size := range []int{1000, 3 << 20} {
		for _, after := range []int64{2, 3, 8} {
			if size < 1<<20 && after > 2 {
				continue // it is over by then
			}
			ctx := timid{t.Context(), new(atomic.Int64)}
			ctx.left.Store(after)
			var seen error
			_, err := readTar(ctx, tarOf(t, file("a", strings.Repeat("1", size))), layers.Options{
				Observers: []layers.Observer{func(_ layers.Entry, _ int, r io.Reader) { _, seen = io.Copy(io.Discard, r) }},
			})
			if err == nil || !strings.Contains(err.Error(), `"/a": panic: oops`) {
				t.Errorf("%d bytes, at %d: error is %v", size, after, err)
			}
			if size > 1<<20 && seen == nil {
				t.Error("who observed it takes it for whole")
			}
		}
	}
}

// What observers did not see must not pass for what they found.
func TestCancelAtTheVeryEnd(t *testing.T) {
	why := errors.New("the user pressed a key")
	for _, last := range []string{"a", "b"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		_, err := readTar(ctx, tarOf(t, file("a", "1"), file("b", "2")), layers.Options{
			Observers: []layers.Observer{func(e layers.Entry, _ int, _ io.Reader) {
				if e.Path == "/"+last {
					cancel(why)
				}
			}},
		})
		if !errors.Is(err, why) {
			t.Errorf("at %s: error is %v", last, err)
		}
	}
}

type zeros struct{ ctx context.Context }

func (z zeros) Read(p []byte) (int, error) {
	if z.ctx.Err() != nil {
		return 0, context.Cause(z.ctx)
	}
	clear(p)
	return len(p), nil
}

func TestCancel(t *testing.T) {
	var buf bytes.Buffer
	big := tar.Header{Name: "big", Typeflag: tar.TypeReg, Size: 1 << 40}
	if err := tar.NewWriter(&buf).WriteHeader(&big); err != nil {
		t.Fatal(err)
	}
	for name, ends := range map[string]bool{"with a source that ends with it": true, "with one that does not": false} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			source := zeros{context.Background()}
			if ends {
				source.ctx = ctx
			}
			done := make(chan struct{})
			why := errors.New("the user pressed a key")
			_, err := layers.Read(ctx, io.MultiReader(bytes.NewReader(buf.Bytes()), source), layers.NewWriter(io.Discard), layers.Options{
				Observers: []layers.Observer{func(_ layers.Entry, _ int, r io.Reader) {
					_, _ = io.CopyN(io.Discard, r, 10<<20)
					cancel(why) // in the middle
					_, _ = io.Copy(io.Discard, r)
					close(done)
				}},
			})
			if !errors.Is(err, why) {
				t.Errorf("error is %v", err)
			}
			<-done
		})
	}
}

// With many processors no more observers run at once than memory is planned for.
func TestObserversAtOnceAreBounded(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(64))
	const most = 8
	var all []header
	for i := range 40 {
		all = append(all, file(fmt.Sprint(i), string(make([]byte, 64<<10))))
	}
	var now, highest atomic.Int32
	observe := func(layers.Entry, int, io.Reader) {
		defer now.Add(-1)
		n := now.Add(1)
		for h := highest.Load(); n > h && !highest.CompareAndSwap(h, n); h = highest.Load() {
		}
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := readTar(t.Context(), tarOf(t, all...), layers.Options{Observers: []layers.Observer{observe}}); err != nil {
		t.Fatal(err)
	}
	if n := highest.Load(); n > most {
		t.Errorf("%d at once", n)
	}
}

// stalled gives what it has, and then nothing until it is abandoned.
type stalled struct {
	io.Reader
	left chan struct{}
}

func (s stalled) Read(p []byte) (int, error) {
	if n, err := s.Reader.Read(p); err == nil {
		return n, nil
	}
	<-s.left
	return 0, io.ErrUnexpectedEOF
}

func (s stalled) Abandon() { close(s.left) }

// That a limit is passed is told at once, though the sender gives nothing more.
func TestLimitDoesNotWaitForTheSender(t *testing.T) {
	data := tarOf(t, file("a", ""), file("b", ""), file("c", string(make([]byte, 2<<20))))
	from := stalled{bytes.NewReader(data[:len(data)-1<<20]), make(chan struct{})}
	_, err := layers.Read(t.Context(), from, nil, layers.Options{Budget: layers.NewBudget(layers.Limits{Entries: 1})})
	if fault.Of(err) != fault.TooLarge {
		t.Errorf("%v", err)
	}
}

func TestTooManyPaths(t *testing.T) {
	var deep []header
	for i := range 40 {
		deep = append(deep, file(strings.Repeat([]string{"d/", "e/"}[i%2], 500)+"x", ""))
	}
	flat := make([]header, 101)
	for i := range flat {
		flat[i] = file(fmt.Sprintf("d/%d", i), "")
	}
	for name, headers := range map[string][]header{"deep": deep[:1], "flat": flat} {
		_, err := readTar(t.Context(), tarOf(t, headers...), layers.Options{Budget: layers.NewBudget(layers.Limits{Entries: 100})})
		if fault.Of(err) != fault.TooLarge || !strings.Contains(err.Error(), "more than 100 paths (limit entries)") ||
			!strings.Contains(fault.Hint(err), "--max-entries") {
			t.Errorf("%s: error is %v (%s)", name, err, fault.Hint(err))
		}
	}
	budget := layers.NewBudget(layers.Limits{Entries: 1100})
	one := tarOf(t, deep[:2]...)
	if _, err := readTar(t.Context(), one, layers.Options{Budget: budget}); err != nil {
		t.Error(err)
	}
	if _, err := readTar(t.Context(), one, layers.Options{Budget: budget}); fault.Of(err) != fault.TooLarge {
		t.Errorf("a second layer with the same budget: %v", err)
	}
	names := make([]header, 400)
	for i := range names {
		names[i] = link(tar.TypeSymlink, fmt.Sprint(i), strings.Repeat("x", 4000))
	}
	_, err := readTar(t.Context(), tarOf(t, names...), layers.Options{Budget: layers.NewBudget(layers.Limits{Entries: 1000})})
	if fault.Of(err) != fault.TooLarge || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("long links: error is %v", err)
	}
}

// sparse is a tar of one file of that size that begins with text and is a hole
// from there on, in GNU's format 1.0, which package tar reads and does not write.
func sparse(t testing.TB, text string, size int64) []byte {
	t.Helper()
	blockMap := fmt.Sprintf("2\n0\n%d\n%d\n0\n", len(text), size)
	plain := tarOf(t, header{tar.Header{
		Name: "GNUSparseFile.0/a", Typeflag: tar.TypeReg, Size: int64(512 + len(text)), Mode: 0o644, Format: tar.FormatPAX,
		PAXRecords: map[string]string{
			"XXX.sparse.major": "1", "XXX.sparse.minor": "0", "XXX.sparse.name": "a", "XXX.sparse.realsize": fmt.Sprint(size),
		},
	}, blockMap + strings.Repeat("\x00", 512-len(blockMap)) + text})
	return bytes.ReplaceAll(plain, []byte("XXX.sparse"), []byte("GNU.sparse"))
}

func TestSparseFiles(t *testing.T) {
	t.Run("with its holes", func(t *testing.T) {
		var all recorder
		x, err := readTar(t.Context(), sparse(t, "text", 5000), layers.Options{Observers: []layers.Observer{all.observe}})
		if err != nil {
			t.Fatal(err)
		}
		e := x.Entry(0)
		if want := sum("text" + strings.Repeat("\x00", 4996)); e.Path != "/a" || !e.Sparse || e.Size != 5000 || e.SHA256() != want {
			t.Errorf("it is %+v with the digest %s, want %s", e, e.SHA256(), want)
		}
		if len(all.list) != 1 {
			t.Error("it was not observed")
		}
		r, _ := record(t, sparse(t, "text", 5000), nil)
		if got := contents(t, r)[0]; got != "text"+strings.Repeat("\x00", 4996) {
			t.Errorf("kept is %.64q", got)
		}
	})
	t.Run("larger than any disk", func(t *testing.T) {
		_, err := readTar(t.Context(), sparse(t, "text", 1<<60), layers.Options{})
		if fault.Of(err) != fault.TooLarge || !strings.Contains(err.Error(), "sparse") || !strings.Contains(fault.Hint(err), "--max-image-bytes") {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("interrupted in a hole", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		why := errors.New("the user pressed a key")
		observers := []layers.Observer{func(_ layers.Entry, _ int, r io.Reader) {
			_, _ = io.CopyN(io.Discard, r, 1<<20)
			cancel(why)
			_, _ = io.Copy(io.Discard, r)
		}}
		_, err := readTar(ctx, sparse(t, "text", 16<<30), layers.Options{Observers: observers})
		if !errors.Is(err, why) {
			t.Errorf("error is %v", err)
		}
	})
}
