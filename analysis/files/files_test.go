package files_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"go.uber.org/goleak"

	"github.com/tidepole/tidepole/analysis/files"
	"github.com/tidepole/tidepole/formats/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// header is a tar entry; its body is as long as its size.
type header struct {
	tar.Header
	body string
}

func file(name, body string) header {
	return header{tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(body)), Mode: 0o644}, body}
}

func link(kind byte, name, to string) header {
	return header{tar.Header{Name: name, Typeflag: kind, Linkname: to}, ""}
}

func tarOf(t testing.TB, headers ...header) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range headers {
		if err := w.WriteHeader(&h.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, h.body); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func imageOf(t testing.TB, layers ...[]byte) v1.Image {
	t.Helper()
	img := empty.Image
	for _, data := range layers {
		var err error
		if img, err = mutate.AppendLayers(img, static.NewLayer(data, types.OCIUncompressedLayer)); err != nil {
			t.Fatal(err)
		}
	}
	return img
}

func newPass(t testing.TB, ctx context.Context, img v1.Image, o files.Options) *files.Pass {
	t.Helper()
	p, err := files.New(ctx, img, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// readAll reads all layers, as an unpacker does.
func readAll(t testing.TB, p *files.Pass) ([][]byte, error) {
	t.Helper()
	layers, err := p.Image().Layers()
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for _, l := range layers {
		data, err := readLayer(l)
		if err != nil {
			return all, err
		}
		all = append(all, data)
	}
	return all, nil
}

func readLayer(l v1.Layer) ([]byte, error) {
	r, err := l.Uncompressed()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func sum(body string) string {
	s := sha256.Sum256([]byte(body))
	return hex.EncodeToString(s[:])
}

func TestDigests(t *testing.T) {
	long := strings.Repeat("long ", 1<<20)
	layer := tarOf(t,
		file("a", "1"), file("./b", ""), file("c/../d", long), file("a", "2"),
		link(tar.TypeLink, "hard", "a"), link(tar.TypeLink, "lost", "none"), link(tar.TypeSymlink, "soft", "a"),
		file("gone", "3"), link(tar.TypeSymlink, "gone", "a"),
	)
	p := newPass(t, t.Context(), imageOf(t, layer), files.Options{})
	got, err := readAll(t, p)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got[0], layer) {
		t.Error("the stream differs from the layer")
	}
	want := map[string]string{
		"/a": sum("2"), "/b": sum(""), "/d": sum(long), "/hard": sum("2"),
		"/lost": "", "/soft": "", "/gone": "", "/none": "",
	}
	for path, digest := range want {
		f, ok := p.Layer(0).File(path)
		if ok != (digest != "") || ok && f.SHA256() != digest {
			t.Errorf("%s: got %v %s, want %s", path, ok, f.SHA256(), digest)
		}
	}
}

// seen is what an observer was shown.
type seen struct {
	files.Entry
	Body string
}

type recorder struct {
	mu   sync.Mutex
	list []seen
}

func (r *recorder) observe(e files.Entry, from io.Reader) {
	data, err := io.ReadAll(from)
	if err != nil {
		data = []byte(err.Error())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, seen{e, string(data)})
}

func (r *recorder) sorted() []seen {
	slices.SortFunc(r.list, func(a, b seen) int {
		return strings.Compare(a.Layer+a.Path+a.Body, b.Layer+b.Path+b.Body)
	})
	return r.list
}

func TestObservers(t *testing.T) {
	long := strings.Repeat("0123456789", 300_000)
	one := tarOf(t, file("a", "first"), file("a", "again"), file("long", long), file("empty", ""), file(".wh.b", "x"))
	two := tarOf(t, file("b", "deleted later"))
	img := imageOf(t, one, two, one)
	var whole recorder
	nothing, some := 0, 0
	var mu sync.Mutex
	p := newPass(t, t.Context(), img, files.Options{Observers: []files.Observer{
		func(files.Entry, io.Reader) { mu.Lock(); defer mu.Unlock(); nothing++ },
		whole.observe,
		func(_ files.Entry, r io.Reader) {
			n, _ := io.ReadFull(r, make([]byte, 3))
			mu.Lock()
			defer mu.Unlock()
			some += n
		},
	}})
	if _, err := readAll(t, p); err != nil {
		t.Fatal(err)
	}
	ids := p.LayerIDs()
	want := recorder{list: []seen{
		{files.Entry{Layer: ids[0], Ordinal: 0, Path: "/a", Size: 5}, "first"},
		{files.Entry{Layer: ids[0], Ordinal: 1, Path: "/a", Size: 5}, "again"},
		{files.Entry{Layer: ids[0], Ordinal: 2, Path: "/long", Size: 3_000_000}, long},
		{files.Entry{Layer: ids[1], Ordinal: 0, Path: "/b", Size: 13}, "deleted later"},
	}}
	if diff := cmp.Diff(want.sorted(), whole.sorted()); diff != "" {
		t.Errorf("observed (-want +got):\n%.2000s", diff)
	}
	if nothing != 4 || some != 12 {
		t.Errorf("observers that stop early saw %d files and %d bytes, want 4 and 12", nothing, some)
	}
	if f, ok := p.Layer(2).File("/long"); !ok || f.SHA256() != sum(long) {
		t.Error("the repeated layer has no digests")
	}
}

func TestDamage(t *testing.T) {
	good := tarOf(t, file("a", strings.Repeat("1", 5000)), file("b", "2"))
	header := bytes.Clone(good)
	header[5632+3] ^= 0xff // in the second entry's header
	tests := []struct {
		name string
		tar  []byte
		want []string
	}{
		{"cut in a file", good[:3000], []string{"layer 2 of 2", "/a", "damaged"}},
		{"cut in a header", good[:5632+100], []string{"layer 2 of 2", "damaged"}},
		{"a broken header", header, []string{"layer 2 of 2", "damaged"}},
		{"no tar at all", bytes.Repeat([]byte("text "), 1000), []string{"layer 2 of 2", "damaged"}},
		{"a path that is too long", tarOf(t, file(strings.Repeat("d/", 3000)+"x", "")), []string{"layer 2 of 2", "longer than 4096"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var all recorder
			p := newPass(t, t.Context(), imageOf(t, good, test.tar), files.Options{Observers: []files.Observer{all.observe}})
			_, err := readAll(t, p)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range append(test.want, p.LayerIDs()[1]) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if !errors.Is(err, p.Err()) {
				t.Errorf("Err is %v", p.Err())
			}
		})
	}
}

func TestTrailingBytesAreDrained(t *testing.T) {
	layer := append(tarOf(t, file("a", "1")), bytes.Repeat([]byte("trailing"), 100_000)...)
	p := newPass(t, t.Context(), imageOf(t, layer), files.Options{})
	got, err := readAll(t, p)
	if err != nil || len(got[0]) != len(layer) {
		t.Errorf("read %d of %d bytes: %v", len(got[0]), len(layer), err)
	}
}

func TestPanicOfAnObserver(t *testing.T) {
	for _, size := range []int{10, 2 << 20} {
		p := newPass(t, t.Context(), imageOf(t, tarOf(t, file("a", strings.Repeat("1", size)))), files.Options{
			Observers: []files.Observer{func(files.Entry, io.Reader) { panic("oops") }},
		})
		if _, err := readAll(t, p); err == nil || !strings.Contains(err.Error(), "search /a: panic: oops") {
			t.Errorf("%d bytes: error is %v", size, err)
		}
	}
}

func TestAbandonedStream(t *testing.T) {
	p := newPass(t, t.Context(), imageOf(t, tarOf(t, file("a", strings.Repeat("1", 5<<20)))), files.Options{})
	layers, _ := p.Image().Layers()
	r, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(r, make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(p.Err(), files.ErrAbandoned) {
		t.Errorf("a stream that was not read to its end has the error %v", p.Err())
	}
}

// endless is a layer that never ends.
type endless struct {
	v1.Layer
	head []byte
}

func (e endless) Uncompressed() (io.ReadCloser, error) {
	return io.NopCloser(io.MultiReader(bytes.NewReader(e.head), zeros{})), nil
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestCancel(t *testing.T) {
	head := tarOf(t, header{tar.Header{Name: "a", Typeflag: tar.TypeReg, Size: 0}, ""})
	head = head[:512]
	big := header{tar.Header{Name: "big", Typeflag: tar.TypeReg, Size: 1 << 40}, ""}
	var buf bytes.Buffer
	if err := tar.NewWriter(&buf).WriteHeader(&big.Header); err != nil {
		t.Fatal(err)
	}
	layer := endless{static.NewLayer(head, types.OCIUncompressedLayer), append(head, buf.Bytes()...)}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	var all recorder
	p := newPass(t, ctx, img, files.Options{Observers: []files.Observer{func(_ files.Entry, r io.Reader) {
		_, _ = io.Copy(io.Discard, r)
		all.observe(files.Entry{}, strings.NewReader(""))
	}}})
	why := errors.New("the user pressed a key")
	time.AfterFunc(50*time.Millisecond, func() { cancel(why) })
	layers, _ := p.Image().Layers()
	r, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, why) {
		t.Errorf("error is %v", err)
	}
	if len(all.list) != 1 {
		t.Error("the observer did not end")
	}
}

func TestTooManyPaths(t *testing.T) {
	if testing.Short() {
		t.Skip("writes a large tar")
	}
	pr, pw := io.Pipe()
	go func() {
		w := tar.NewWriter(pw)
		for i := 0; ; i++ {
			name := strings.Repeat("d/", 1000) + "x"
			if i%2 == 1 {
				name = strings.Repeat("e/", 1000) + "x"
			}
			if w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg}) != nil {
				return
			}
		}
	}()
	layer := piped{static.NewLayer(nil, types.OCIUncompressedLayer), pr}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		t.Fatal(err)
	}
	p := newPass(t, t.Context(), img, files.Options{})
	_, err = readAll(t, p)
	pr.Close()
	if fault.Of(err) != fault.TooLarge {
		t.Errorf("error is %v", err)
	}
}

type piped struct {
	v1.Layer
	r io.ReadCloser
}

func (p piped) Uncompressed() (io.ReadCloser, error) { return p.r, nil }
