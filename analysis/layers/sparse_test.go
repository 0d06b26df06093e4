package layers_test

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/layers"
)

// holes makes files with holes: in the middle, before all else, and nothing but.
func holes(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, parts := range map[string]map[int64]string{
		"middle": {0: "begins", 1 << 20: "goes on", 3 << 20: "ends"},
		"first":  {1 << 20: "\x7fELF\x02\x01\x01 which it does not begin with", 2<<20 - 1: "\x00"},
		"only":   {1<<20 - 1: ""},
	} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		for at, text := range parts {
			if _, err := f.WriteAt([]byte(text), at); err != nil {
				t.Fatal(err)
			}
		}
		if name == "only" {
			err = f.Truncate(1 << 20)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestWhatTarWritesOfSparseFiles compares what is read of a tar that leaves out
// holes to what is read of one that does not.
func TestWhatTarWritesOfSparseFiles(t *testing.T) {
	program, err := exec.LookPath("tar")
	if err != nil {
		t.Skip("there is no tar here")
	}
	dir := holes(t)
	pack := func(t *testing.T, args ...string) (*layers.Record, map[int]string) {
		t.Helper()
		data, err := exec.Command(program, append(args, "-C", dir, "-cf", "-", "first", "middle", "only")...).Output()
		if err != nil {
			t.Skipf("this tar writes no such archives: %v", err)
		}
		r, _ := record(t, data, nil)
		return r, contents(t, r)
	}
	plain, want := pack(t, "--format=posix")
	tests := map[string][]string{
		"GNU's own": {"--format=gnu"},
		"PAX, 0.0":  {"--format=posix", "--sparse-version=0.0"},
		"PAX, 0.1":  {"--format=posix", "--sparse-version=0.1"},
		"PAX, 1.0":  {"--format=posix", "--sparse-version=1.0"},
	}
	for name, args := range tests {
		t.Run(name, func(t *testing.T) {
			r, got := pack(t, append(args, "--sparse")...)
			list := entries(r.Index())
			for i := range list {
				e := &list[i]
				if !e.Sparse {
					t.Skip("the file system here keeps no holes")
				}
				e.Sparse, e.Type = false, tar.TypeReg
				e.ModTime = plain.Index().Entry(i).ModTime // GNU's format has no fractions
			}
			if diff := cmp.Diff(entries(plain.Index()), list); diff != "" {
				t.Errorf("entries (-whole +sparse):\n%s", diff)
			}
			for n, content := range want {
				if got[n] != content {
					t.Errorf("%s has another content", list[n].Path)
				}
			}
		})
	}
}

func TestLargeSparseFileIsKeptWhereItIsAskedFor(t *testing.T) {
	const size = 80 << 20
	for _, asked := range []bool{false, true} {
		w := layers.NewWriter(io.Discard)
		x, err := layers.Read(t.Context(), bytes.NewReader(sparse(t, "text", size)), w, layers.Options{
			Keep: func(path string) bool { return asked && path == "/a" },
		})
		if err != nil {
			t.Fatal(err)
		}
		if e := x.Entry(0); e.Kept != asked || e.Size != size {
			t.Errorf("asked for: %v, it is %+v", asked, e)
		}
	}
}
