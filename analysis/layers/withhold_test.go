package layers_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidepole/tidepole/analysis/layers"
)

func TestWithheldContentsAreNotInTheRecord(t *testing.T) {
	const secret = "c0rrect-h0rse-battery"
	headers := []header{file("first", "one"), file("secret", "key="+secret), file("beside", "two")}
	for n := range 8 {
		headers = append(headers, file(fmt.Sprintf("large%d", n), strings.Repeat(fmt.Sprintf("%d%d", n, n*n), 150_000)))
	}
	headers = append(headers, file("last", secret+strings.Repeat("?", 600_000)))
	name := filepath.Join(t.TempDir(), "record")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := layers.NewWriter(f)
	x, err := layers.Read(t.Context(), bytes.NewReader(tarOf(t, headers...)), w, layers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	saved := map[int]string{}
	err = w.Withhold(x, f, []int{len(headers) - 1, 1}, func(n int, r io.Reader) error {
		data, err := io.ReadAll(r)
		saved[n] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Finish(x); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := layers.OpenRecord(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for n, h := range headers {
		e := r.Index().Entry(n)
		if e.SHA256() != sum(h.body) || !e.Regular {
			t.Errorf("%s: the index has lost it", h.Name)
		}
		c, ok := r.Content(n)
		if ok != e.Kept {
			t.Errorf("%s is kept: %v, and there: %v", h.Name, e.Kept, ok)
		}
		body, withheld := saved[n]
		if ok {
			kept++
			data, err := io.ReadAll(c)
			if err != nil {
				t.Fatalf("%s: %v", h.Name, err)
			}
			body = string(data)
		}
		if ok == withheld || body != h.body {
			t.Errorf("%s: kept %v, withheld %v, %d bytes for %d", h.Name, ok, withheld, len(body), len(h.body))
		}
		if strings.Contains(h.body, secret) && ok {
			t.Errorf("%s is in the record", h.Name)
		}
	}
	if kept == 0 {
		t.Error("nothing is kept at all")
	}
	if bytes.Contains(data, []byte(secret)) {
		t.Error("the secret is in the record")
	}
}
