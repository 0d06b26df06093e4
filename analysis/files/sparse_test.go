package files_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/tidepole/tidepole/analysis/files"
	"github.com/tidepole/tidepole/formats/fault"
)

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
		p := newPass(t, t.Context(), imageOf(t, sparse(t, "text", 5000)), files.Options{Observers: []files.Observer{all.observe}})
		if _, err := readAll(t, p); err != nil {
			t.Fatal(err)
		}
		f, ok := p.Layer(0).File("/a")
		if want := sum("text" + strings.Repeat("\x00", 4996)); !ok || !f.Sparse || f.SHA256() != want {
			t.Errorf("it is %+v with the digest %s, want %s", f, f.SHA256(), want)
		}
		if len(all.list) != 1 {
			t.Error("it was not observed")
		}
	})
	t.Run("larger than any disk", func(t *testing.T) {
		_, err := readAll(t, newPass(t, t.Context(), imageOf(t, sparse(t, "text", 1<<60)), files.Options{}))
		if fault.Of(err) != fault.TooLarge || !strings.Contains(err.Error(), "sparse") {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("interrupted in a hole", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		why := errors.New("the user pressed a key")
		time.AfterFunc(20*time.Millisecond, func() { cancel(why) })
		start := time.Now()
		observers := []files.Observer{func(_ files.Entry, r io.Reader) { _, _ = io.Copy(io.Discard, r) }}
		_, err := readAll(t, newPass(t, ctx, imageOf(t, sparse(t, "text", files.MaxSparse)), files.Options{Observers: observers}))
		if !errors.Is(err, why) {
			t.Errorf("error is %v after %s", err, time.Since(start))
		}
	})
}
