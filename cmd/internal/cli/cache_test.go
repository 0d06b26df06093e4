package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidepole/tidepole/analysis/cache"
)

// keep puts entries of one block each into a cache, the first the oldest, by a
// day.
func keep(t *testing.T, dir string, keys ...string) {
	t.Helper()
	now := time.Now().Add(-time.Duration(len(keys)) * 24 * time.Hour)
	d, err := cache.Open(dir, cache.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, key := range keys {
		p, err := d.Create(context.Background(), "layer")
		if err != nil {
			t.Fatal(err)
		}
		b, err := p.Commit(key)
		if err != nil {
			t.Fatal(err)
		}
		b.Close()
		now = now.Add(24 * time.Hour)
	}
}

func TestCacheStatusAndClear(t *testing.T) {
	s := newShell(t)
	dir := filepath.Join(s.home, ".cache", "tidepole")
	if out := s.ok("cache", "status"); !strings.Contains(out, "Folder: "+dir+" (the first analysis makes it)\n") || !strings.Contains(out, "Entries: 0\n") {
		t.Errorf("no cache:\n%s", out)
	}
	if out := s.ok("cache", "clear"); !strings.Contains(out, "Entries removed: 0 (0 B)\n") {
		t.Errorf("no cache:\n%s", out)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a look makes the folder")
	}
	keep(t, dir, "00000001", "00000002", "00000003")
	for name, text := range map[string]string{"notes.txt": "", "pending/layer-0123456789abcdef": "12345"} {
		if err := os.WriteFile(filepath.Join(dir, "evidence-v1", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := s.with("TIDEPOLE_CACHE_MAX_SIZE=1GB").ok("cache", "status")
	for _, want := range []string{"Folder: " + dir + "\n", "Limit: 953.7 MiB\n", "Entries: 3\n", "Size: 12.0 KiB\n", "Unfinished: 1 (5 B)", "Foreign: 1, which are left alone: evidence-v1/notes.txt\n", "KIND ", "layer "} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	var state struct {
		Path                     string
		Entries, Bytes, MaxBytes int64
		OldestUse                time.Time
		Kinds                    []struct{ Kind string }
		Foreign                  []string
	}
	if err := json.Unmarshal([]byte(s.ok("cache", "status", "-o", "json")), &state); err != nil {
		t.Fatal(err)
	}
	if state.Path != dir || state.Entries != 3 || state.Bytes != 12288 || state.MaxBytes != 10<<30 || len(state.Kinds) != 1 || len(state.Foreign) != 1 || state.OldestUse.IsZero() {
		t.Errorf("%+v", state)
	}
	if out := s.ok("cache", "clear", "--older-than", "36h"); !strings.Contains(out, "Entries removed: 2 (8.0 KiB)\nUnfinished removed: 1 (5 B)\nForeign: 1") {
		t.Errorf("clear of the old:\n%s", out)
	}
	if out := s.ok("cache", "clear", "-o", "json-raw"); !strings.Contains(out, `"entries": 1`) || !strings.Contains(out, `"evidence-v1/notes.txt"`) {
		t.Errorf("clear:\n%s", out)
	}
	if out := s.ok("cache", "status"); !strings.Contains(out, "Entries: 0\n") {
		t.Errorf("after clear:\n%s", out)
	}
	s.with("TIDEPOLE_CACHE_MAX_SIZE=much").fails(1, []string{"a number of bytes like 10GiB"}, "cache", "status")
}

// The folder is told as the settings name it, whether it is there or not, and
// wherever the command runs.
func TestFolderOfACacheThatIsNamed(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir, s := filepath.Join(here, "kept"), newShell(t)
	for _, want := range []string{dir + " (the first analysis makes it)", dir} {
		if out := s.ok("cache", "status", "--cache-dir", "kept"); !strings.HasPrefix(out, "Folder: "+want+"\n") {
			t.Errorf("%q is not in\n%s", want, out)
		}
		var state struct{ Path string }
		if err := json.Unmarshal([]byte(s.ok("cache", "status", "--cache-dir", "kept", "-o", "json")), &state); err != nil || state.Path != dir {
			t.Errorf("%s, %v", state.Path, err)
		}
		keep(t, dir, "00000001")
	}
	for _, name := range []string{"entries", "pending"} {
		at := filepath.Join(dir, "evidence-v1", name)
		if err := errors.Join(os.RemoveAll(at), os.Symlink(t.TempDir(), at)); err != nil {
			t.Fatal(err)
		}
		for _, verb := range []string{"status", "clear"} {
			s.fails(1, []string{"use the cache folder " + dir + ": " + at + " is not a folder", "hint: remove " + at}, "cache", verb, "--cache-dir", "kept")
		}
		if err := errors.Join(os.Remove(at), os.Mkdir(at, 0o700)); err != nil {
			t.Fatal(err)
		}
	}
}

// An analysis that cannot use the cache warns and goes on.
func TestAnalysisWithoutACache(t *testing.T) {
	s := newShell(t)
	image := small(t)
	dir := filepath.Join(s.home, ".cache", "tidepole")
	analyze := func(s *shell, args ...string) result {
		t.Helper()
		r := s.run(append([]string{"image", "analyze", "app", "--from", "oci-dir:" + image, "--overwrite", "-o", filepath.Join(s.home, "evidence")}, args...)...)
		if r.code != 0 {
			t.Errorf("exit code %d\n%s", r.code, r.err)
		}
		return r
	}
	for name, off := range map[string]func() result{
		"flag":        func() result { return analyze(s, "--no-cache") },
		"environment": func() result { return analyze(s.with("TIDEPOLE_NO_CACHE=true")) },
		"size":        func() result { return analyze(s.with("TIDEPOLE_CACHE_MAX_SIZE=0")) },
	} {
		if r := off(); strings.Contains(r.err, "warning") {
			t.Errorf("%s: %s", name, r.err)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%s: there is a cache", name)
		}
	}
	if r := analyze(s); strings.Contains(r.err, "warning") {
		t.Error(r.err)
	}
	if _, err := os.Stat(filepath.Join(dir, "evidence-v1")); err != nil {
		t.Error(err)
	}
	open := filepath.Join(s.home, "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		open: "others can write to", "/dev/null/cache": "not a directory",
	} {
		r := analyze(s, "--cache-dir", dir)
		for _, w := range []string{"warning: use the cache folder " + dir, want, "goes on without it", "hint: ", "--cache-dir"} {
			if !strings.Contains(r.err, w) {
				t.Errorf("%s: %q is not in\n%s", dir, w, r.err)
			}
		}
		s.fails(1, []string{want, "--cache-dir"}, "cache", "clear", "--cache-dir", dir)
		if quiet := analyze(s, "--cache-dir", dir, "-q"); !strings.HasPrefix(quiet.err, "warning: use the cache folder "+dir) || !strings.Contains(quiet.err, "\nhint: ") {
			t.Errorf("%s, with -q: %q", dir, quiet.err)
		}
	}
	// What a checkout brings does not say where evidence comes from.
	t.Chdir(t.TempDir())
	if err := os.WriteFile(".tidepole.yaml", []byte("cache: {dir: planted}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := analyze(s); !strings.Contains(r.err, "which may be a stranger's") {
		t.Error(r.err)
	}
	if _, err := os.Stat("planted"); err == nil {
		t.Error("the folder was used")
	}
	if r := analyze(s, "-c", ".tidepole.yaml"); strings.Contains(r.err, "warning") {
		t.Error(r.err)
	}
}

// With -v the log says which entries were damaged, and of sound ones nothing.
func TestDamagedEntriesAreNamed(t *testing.T) {
	s := newShell(t)
	image, out := small(t), filepath.Join(t.TempDir(), "evidence")
	analyze := func() result {
		t.Helper()
		r := s.run("image", "analyze", "app", "--from", "oci-dir:"+image, "--overwrite", "-o", out, "-v")
		if r.code != 0 {
			t.Fatalf("exit code %d\n%s", r.code, r.err)
		}
		return r
	}
	for range 2 {
		if r := analyze(); strings.Contains(r.err, "cache entry") {
			t.Error(r.err)
		}
	}
	entries, err := filepath.Glob(filepath.Join(s.home, ".cache/tidepole/evidence-v1/entries/*/*/*"))
	if err != nil || len(entries) == 0 {
		t.Fatalf("%v, %v", entries, err)
	}
	for _, entry := range entries {
		if err := os.Truncate(entry, 10); err != nil {
			t.Fatal(err)
		}
	}
	r := analyze()
	for _, kind := range []string{"bundle", "layer", "catalogue", "catalogue-candidates"} {
		if !strings.Contains(r.err, `level=INFO msg="damaged cache entry removed" kind=`+kind+" key=") {
			t.Errorf("%s is not in\n%s", kind, r.err)
		}
	}
}

func TestCacheFlagsGoWithWorkDoneHere(t *testing.T) {
	s := newShell(t)
	s.fails(1, []string{"--no-cache goes with --from"}, "image", "add", "app", "--no-cache")
	s.fails(1, []string{"--cache-dir goes with --local"}, "image", "check", "app", "--cache-dir", "x")
}
