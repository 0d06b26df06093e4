package layers_test

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/tidepole/tidepole/analysis/layers"
)

// FuzzRead reads any bytes as a layer: entries are those of package tar, digests
// are right, and what is kept comes back.
func FuzzRead(f *testing.F) {
	f.Add(odd(f))
	f.Add(sparse(f, "text", 5000))
	f.Add(sparse(f, "text", 1<<30)[:1000])
	f.Add([]byte("text"))
	for _, name := range []string{".", "./", "/", "..", "./../a", ".//a", "//a", "a//b", "a/./b", "a/..", "a/.b", "..a/...", "./a/"} {
		f.Add(tarOf(f, link(tar.TypeDir, name, "")))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		data = bytes.Clone(data)
		mend(data)
		var out bytes.Buffer
		w := layers.NewWriter(&out)
		observe := func(e layers.Entry, _ int, r io.Reader) {
			if n, err := io.Copy(io.Discard, r); err == nil && n != e.Size {
				t.Errorf("%q has %d bytes and shows %d", e.Path, e.Size, n)
			}
		}
		budget := layers.NewBudget(layers.Limits{Entries: 10_000, ImageBytes: 16 << 20})
		x, err := layers.Read(t.Context(), bytes.NewReader(data), w, layers.Options{Observers: []layers.Observer{observe}, Budget: budget})
		if err != nil {
			return
		}
		tr := tar.NewReader(bytes.NewReader(data))
		var bodies []string
		for n := range x.Len() {
			h, err := tr.Next()
			e := x.Entry(n)
			if err != nil || e.Type != h.Typeflag || e.Size != h.Size || e.Link != h.Linkname || e.Path != path.Clean("/"+h.Name) {
				t.Fatalf("entry %d is %+v, want %+v (%v)", n, e, h, err)
			}
			body := make([]byte, min(e.Size, 64<<20))
			if e.Regular {
				_, err = io.ReadFull(tr, body)
			}
			if err != nil || e.Regular && e.Digest != sha256.Sum256(body) {
				t.Fatalf("%q has the digest %s (%v)", e.Path, e.SHA256(), err)
			}
			bodies = append(bodies, string(body))
		}
		if _, err := tr.Next(); !errors.Is(err, io.EOF) {
			t.Fatalf("there is more than %d entries: %v", x.Len(), err)
		}
		if err := w.Finish(x); err != nil {
			t.Fatal(err)
		}
		r, err := layers.OpenRecord(bytes.NewReader(out.Bytes()), int64(out.Len()))
		if err != nil {
			t.Fatal(err)
		}
		for n, body := range contents(t, r) {
			if body != bodies[n] {
				t.Errorf("entry %d has another content", n)
			}
		}
	})
}

// mend makes the checksums of a tar's headers right.
func mend(data []byte) {
	for at := 0; at+512 <= len(data); {
		h := data[at : at+512]
		at += 512
		if bytes.Equal(h, make([]byte, 512)) {
			continue
		}
		checksum(h)
		size, err := strconv.ParseInt(strings.Trim(string(h[124:136]), " \x00"), 8, 32)
		if err == nil && size > 0 && !strings.ContainsRune("123456", rune(h[156])) {
			at += int(size+511) / 512 * 512
		}
	}
}

// FuzzRecord opens any bytes as a record, their checksums made right, and reads
// all that it says it holds.
func FuzzRecord(f *testing.F) {
	_, small := record(f, tarOf(f, file("a", "text"), file("b", "more"), link('2', "c", "a")), map[string][]byte{"x": []byte("y")})
	f.Add(small)
	var many []header
	for i := range 2000 {
		many = append(many, file(fmt.Sprintf("d/%d", i/3), fmt.Sprint(i)))
	}
	_, good := record(f, tarOf(f, many...), nil)
	f.Add(good)
	f.Fuzz(func(t *testing.T, data []byte) {
		data = bytes.Clone(data)
		layers.Forge(data)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r, err := layers.OpenRecord(bytes.NewReader(data), int64(len(data)))
		runtime.ReadMemStats(&after)
		if took, most := after.TotalAlloc-before.TotalAlloc, uint64(len(data))*1500+2<<20; took > most {
			t.Errorf("a record of %d bytes took %d bytes of memory", len(data), took)
		}
		if err != nil {
			return
		}
		total := 0
		for n := range min(r.Index().Len(), 1000) {
			_, _ = r.Index().Entry(n), r.Index().Link(n)
			c, ok := r.Content(n)
			if !ok || total > 8<<20 {
				continue
			}
			got, err := io.ReadAll(c)
			if total += len(got); err == nil && int64(len(got)) != r.Index().Size(n) {
				t.Errorf("entry %d has %d bytes, and reads %d", n, r.Index().Size(n), len(got))
			}
		}
		for _, name := range r.Attachments() {
			r.Attachment(name)
		}
	})
}
