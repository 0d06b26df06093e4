package main

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// recorded is a sink that keeps what it is given, as "type name -> link: content".
type recorded struct{ entries []string }

func (r *recorded) WriteHeader(h *tar.Header) error {
	r.entries = append(r.entries, strings.TrimSpace(string(h.Typeflag)+" "+h.Name+" "+h.Linkname))
	return nil
}

func (r *recorded) Write(p []byte) (int, error) {
	r.entries[len(r.entries)-1] += ": " + string(p)
	return len(p), nil
}

func TestUpperFolderBecomesALayer(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "etc/a.conf", "a")
	write(t, dir, "opaque/new", "n")
	for _, err := range []error{
		os.Link(filepath.Join(dir, "etc/a.conf"), filepath.Join(dir, "etc/b.conf")),
		os.Symlink("a.conf", filepath.Join(dir, "etc/link")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"5 etc/", "0 etc/a.conf: a", "1 etc/b.conf etc/a.conf", "2 etc/link a.conf", "5 opaque/", "0 opaque/new: n"}
	if err := asOverlay(dir); err == nil {
		want = []string{"5 etc/", "0 etc/.wh.gone", "0 etc/a.conf: a", "1 etc/b.conf etc/a.conf", "2 etc/link a.conf", "5 opaque/", "0 opaque/.wh..wh..opq", "0 opaque/new: n"}
	} else if !errors.Is(err, syscall.EPERM) {
		t.Fatal(err)
	} else {
		t.Log("without the right to make devices, whiteouts are not looked at")
	}
	var got recorded
	if err := writeDiff(&got, dir); err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	slices.Sort(got.entries)
	if diff := cmp.Diff(want, got.entries); diff != "" {
		t.Error(diff)
	}
}

// asOverlay adds what overlayfs leaves for a deleted file and a folder made anew.
func asOverlay(dir string) error {
	if err := syscall.Setxattr(filepath.Join(dir, "opaque"), "trusted.overlay.opaque", []byte("y"), 0); err != nil {
		return err
	}
	return syscall.Mknod(filepath.Join(dir, "etc/gone"), syscall.S_IFCHR, 0)
}

func TestTimesAreNotLaterThanTheRecipe(t *testing.T) {
	dir, blobs := t.TempDir(), t.TempDir()
	write(t, dir, "new", "x")
	write(t, dir, "old", "x")
	old := time.Date(2020, 1, 2, 3, 4, 5, 600, time.UTC)
	if err := os.Chtimes(filepath.Join(dir, "old"), old, old); err != nil {
		t.Fatal(err)
	}
	l, err := makeLayer(blobs, "", func(w *layerWriter) error { return writeDiff(w, dir) })
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]time.Time{}
	if err := readLayer(blobs, l, func(h *tar.Header, _ io.Reader) error { got[h.Name] = h.ModTime.UTC(); return nil }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]time.Time{"new": latest, "old": old.Truncate(time.Second)}, got); diff != "" {
		t.Error(diff)
	}
}

func TestLayerIsReadAsItWasWritten(t *testing.T) {
	blobs := t.TempDir()
	l, err := makeLayer(blobs, "made", func(w *layerWriter) error {
		return writeFiles(w, []file{{"b/two", 0o600, []byte("2")}, {"a/b/one", 0o644, []byte("1")}})
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	err = readLayer(blobs, l, func(h *tar.Header, r io.Reader) error {
		data, err := io.ReadAll(r)
		got = append(got, h.Name+"="+string(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a/=", "a/b/=", "a/b/one=1", "b/=", "b/two=2"}, got); diff != "" {
		t.Error(diff)
	}
	if l.Entries != 5 || l.Inflated%512 != 0 {
		t.Errorf("%d entries, %d bytes", l.Entries, l.Inflated)
	}
	if err := verify(blobs, l); err != nil {
		t.Error(err)
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
