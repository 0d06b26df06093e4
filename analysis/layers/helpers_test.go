package layers_test

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tidepole/tidepole/analysis/layers"
)

// settled are tests after which what is about to end has time to: on a busy machine that
// takes longer than goleak waits.
type settled struct{ *testing.M }

func (s settled) Run() int {
	code := s.M.Run()
	for end := time.Now().Add(time.Minute); code == 0 && goleak.Find() != nil && time.Now().Before(end); {
	}
	return code
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(settled{m}) }

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

// readTar reads a layer without keeping its contents.
func readTar(ctx context.Context, data []byte, o layers.Options) (*layers.Index, error) {
	return layers.Read(ctx, bytes.NewReader(data), nil, o)
}

func sum(body string) string {
	s := sha256.Sum256([]byte(body))
	return hex.EncodeToString(s[:])
}

// record reads a layer into a record, and opens that.
func record(t testing.TB, data []byte, attachments map[string][]byte) (*layers.Record, []byte) {
	t.Helper()
	var out bytes.Buffer
	w := layers.NewWriter(&out)
	x, err := layers.Read(t.Context(), bytes.NewReader(data), w, layers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range attachments {
		w.Attach(name, data)
	}
	if err := w.Finish(x); err != nil {
		t.Fatal(err)
	}
	r, err := layers.OpenRecord(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return r, out.Bytes()
}

// contents are the kept contents by ordinal.
func contents(t testing.TB, r *layers.Record) map[int]string {
	t.Helper()
	all := map[int]string{}
	for n := range r.Index().Len() {
		c, ok := r.Content(n)
		if !ok {
			continue
		}
		data, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		all[n] = string(data)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// entries are all of an index.
func entries(x *layers.Index) (all []layers.Entry) {
	for n := range x.Len() {
		all = append(all, x.Entry(n))
	}
	return all
}
