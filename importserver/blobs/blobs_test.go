package blobs_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"gocloud.dev/blob/memblob"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver/blobs"
)

func open(t *testing.T) (*blobs.Store, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := blobs.OpenDir(filepath.Join(dir, "blobs"), filepath.Join(dir, "tmp"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, dir
}

func keep(t *testing.T, s *blobs.Store, data string) string {
	t.Helper()
	staged, err := s.Stage(t.Context(), strings.NewReader(data), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer staged.Discard()
	if err := s.Keep(t.Context(), staged); err != nil {
		t.Fatal(err)
	}
	return staged.Digest
}

func read(t *testing.T, s *blobs.Store, digest string) (string, error) {
	t.Helper()
	r, err := s.Open(t.Context(), digest)
	if err != nil {
		return "", err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	return string(data), err
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all = append(all, path)
		}
		return err
	})
	return all
}

func TestWhatIsKeptIsRead(t *testing.T) {
	folder, _ := open(t)
	memory := blobs.New(memblob.OpenBucket(nil), t.TempDir())
	for name, s := range map[string]*blobs.Store{"folder": folder, "bucket": memory} {
		for _, data := range []string{"", "a", strings.Repeat("evidence ", 100_000)} {
			digest := keep(t, s, data)
			sum := sha256.Sum256([]byte(data))
			if want := "sha256:" + hex.EncodeToString(sum[:]); digest != want {
				t.Errorf("%s: digest of %d bytes is %s, want %s", name, len(data), digest, want)
			}
			if got, err := read(t, s, digest); err != nil || got != data {
				t.Errorf("%s: read %d bytes, %v; want %d", name, len(got), err, len(data))
			}
		}
	}
}

func TestSameBytesAreStoredOnce(t *testing.T) {
	s, dir := open(t)
	keep(t, s, "the same")
	keep(t, s, "the same")
	if got := files(t, dir); len(got) != 1 {
		t.Errorf("files left: %q, want one", got)
	}
}

func TestStageLeavesNothingBehind(t *testing.T) {
	s, dir := open(t)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	broken := errors.New("line cut")
	for name, test := range map[string]struct {
		ctx  context.Context
		r    io.Reader
		want func(error) bool
	}{
		"too long":  {t.Context(), bytes.NewReader(make([]byte, 101)), func(err error) bool { return fault.Of(err) == fault.TooLarge }},
		"broken":    {t.Context(), io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken)), func(err error) bool { return errors.Is(err, broken) }},
		"cancelled": {cancelled, strings.NewReader("x"), func(err error) bool { return errors.Is(err, context.Canceled) }},
	} {
		staged, err := s.Stage(test.ctx, test.r, 100)
		if staged != nil || !test.want(err) {
			t.Errorf("%s: %v, %v", name, staged, err)
		}
	}
	if got := files(t, dir); len(got) != 0 {
		t.Errorf("left behind: %q", got)
	}
}

func TestKeepCutOffLeavesNoHalfBlob(t *testing.T) {
	s, dir := open(t)
	staged, err := s.Stage(t.Context(), strings.NewReader("all of it"), 100)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Keep(ctx, staged); err == nil {
		t.Fatal("Keep succeeded with a cancelled context")
	}
	staged.Discard()
	if got := files(t, dir); len(got) != 0 {
		t.Errorf("left behind: %q", got)
	}
}

func TestDamageIsNoticed(t *testing.T) {
	s, dir := open(t)
	digest := keep(t, s, "what was measured")
	other := keep(t, s, "what somebody put in its place")
	var paths []string
	for _, d := range []string{digest, other} {
		hex := strings.TrimPrefix(d, "sha256:")
		paths = append(paths, filepath.Join(dir, "blobs", "sha256", hex[:2], hex+".zst"))
	}
	if err := os.Rename(paths[1], paths[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := read(t, s, digest); fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("reading a damaged blob: %v", err)
	}
	if _, err := read(t, s, other); fault.Of(err) != fault.NotFound {
		t.Errorf("reading an absent blob: %v", err)
	}
	keep(t, s, "what was measured")
	if got, err := read(t, s, digest); got != "what was measured" || err != nil {
		t.Errorf("after the same bytes came again: %q, %v", got, err)
	}
}

func TestSweepRemovesWhatIsIncomplete(t *testing.T) {
	s, dir := open(t)
	digest := keep(t, s, "complete")
	half := filepath.Join(dir, "blobs", "sha256", "00", "fileblob123")
	if err := errors.Join(os.MkdirAll(filepath.Dir(half), 0o700), os.WriteFile(half, []byte("ha"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Sweep(t.Context(), time.Now().Add(-time.Hour)); n != 0 || err != nil {
		t.Errorf("swept %d, %v; a fresh one may be under way", n, err)
	}
	if n, err := s.Sweep(t.Context(), time.Now().Add(time.Second)); n != 1 || err != nil {
		t.Errorf("swept %d, %v; want 1", n, err)
	}
	if _, err := read(t, s, digest); err != nil {
		t.Error(err)
	}
}

func TestKeysCannotEscape(t *testing.T) {
	s, _ := open(t)
	for _, digest := range []string{"", "sha256:../../../etc/passwd", "sha256:" + strings.Repeat("A", 64), "sha512:" + strings.Repeat("a", 64)} {
		if _, err := s.Open(t.Context(), digest); fault.Of(err) != fault.Invalid {
			t.Errorf("Open(%q): %v", digest, err)
		}
		if err := s.Delete(t.Context(), digest); fault.Of(err) != fault.Invalid {
			t.Errorf("Delete(%q): %v", digest, err)
		}
	}
}
