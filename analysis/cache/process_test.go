package cache_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidepole/tidepole/analysis/cache"
	"github.com/tidepole/tidepole/formats/fault"
)

// roleVar makes this program another process of a test.
const roleVar = "TIDEPOLE_TEST_CACHE_ROLE"

func TestMain(m *testing.M) {
	role := os.Getenv(roleVar)
	if role == "" {
		os.Exit(m.Run())
	}
	if err := play(role, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func play(role, dir string) error {
	cache.WaitForOthers(2 * time.Minute) // on a busy machine one may stand still with the lock
	var failed error
	fail := func(format string, args ...any) { failed = errors.Join(failed, fmt.Errorf(format, args...)) }
	d, err := cache.Open(dir, cache.Options{MaxBytes: 40 * block, Warn: func(err error) { fail("warned: %v", err) }})
	if err != nil {
		return err
	}
	ctx := context.Background()
	switch role {
	case "hammer":
		hammer(fail, d, os.Getpid(), 300)
	case "clear":
		for range 60 {
			if _, err := d.Clear(ctx, time.Time{}); err != nil {
				return err
			}
			if _, err := d.Status(ctx); err != nil {
				return err
			}
			time.Sleep(2 * time.Millisecond)
		}
	case "write":
		return writeForEver(ctx, d)
	}
	return failed
}

// writeForEver is at its second entry when it says so, until it is killed.
func writeForEver(ctx context.Context, d *cache.Dir) error {
	b, err := commit(d, "layer", key(1), []byte("whole"))
	if err != nil {
		return err
	}
	defer b.Close()
	p, err := d.Create(ctx, "layer")
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		if _, err := p.Write(make([]byte, 1000)); err != nil {
			return err
		}
		if n == 10 {
			fmt.Println("writing")
		}
		time.Sleep(time.Millisecond)
	}
}

func process(t *testing.T, role, dir string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], dir)
	cmd.Env = append(os.Environ(), roleVar+"="+role)
	return cmd
}

func TestManyProcesses(t *testing.T) {
	dir := t.TempDir()
	roles := []string{"hammer", "hammer", "clear", "hammer", "hammer"}
	ended := make(chan error, len(roles))
	for _, role := range roles {
		cmd := process(t, role, dir)
		go func() {
			out, err := cmd.CombinedOutput()
			if err != nil {
				err = fmt.Errorf("%s: %w: %s", role, err, out)
			}
			ended <- err
		}()
	}
	for range roles {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	d := open(t, dir, cache.Options{MaxBytes: 40 * block})
	s := status(t, d)
	if s.Bytes > 40*block || s.Pending.Count+s.Unfinished.Count > 0 || len(s.Foreign) > 0 {
		t.Errorf("in the end %+v", s)
	}
}

func TestKilledWhileWriting(t *testing.T) {
	dir := t.TempDir()
	cmd := process(t, "write", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(line, err)
	}
	other := open(t, dir, cache.Options{}) // sweeps, and leaves what is being written
	if s := status(t, other); s.Pending.Count != 1 || s.Unfinished.Count != 0 || s.Entries != 1 {
		t.Errorf("while it writes: %+v", s)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if s := status(t, other); s.Pending.Count != 0 || s.Unfinished.Count != 1 || s.Unfinished.Bytes < 10_000 {
		t.Errorf("after the kill: %+v", s)
	}
	next := open(t, dir, cache.Options{})
	if s := status(t, next); s.Unfinished.Count != 0 || s.Entries != 1 {
		t.Errorf("after the next start: %+v", s)
	}
	if text, _ := get(t, next, "layer", key(1)); text != "whole" {
		t.Errorf("the entry holds %q", text)
	}
}

// Where the disk is full, entries give way; where none is left, what is written
// goes on elsewhere, a warning says why, and no half entry stays.
func TestAFullDisk(t *testing.T) {
	dir, elsewhere := smallDisk(t, 1<<20), t.TempDir()
	var warned []error
	d := open(t, dir, cache.Options{TempDir: elsewhere, Warn: func(err error) { warned = append(warned, err) }})
	for n := range 9 {
		put(t, d, "layer", key(n), strings.Repeat("x", 100_000))
	}
	put(t, d, "layer", key(10), strings.Repeat("x", 700_000)) // in the place of older ones
	if text, _ := get(t, d, "layer", key(10)); len(text) != 700_000 {
		t.Errorf("%d bytes are kept", len(text))
	}
	if s := status(t, d); s.Entries == 10 {
		t.Error("no entry gave way")
	}
	if len(warned) > 0 {
		t.Errorf("warned %v", warned)
	}
	large := strings.Repeat("larger than the disk ", 100_000)
	for range 2 {
		writeInPieces(t, d, large)
		if s := status(t, d); s.Pending.Count+s.Unfinished.Count > 0 {
			t.Errorf("left behind: %+v", s)
		}
		if _, err := d.Get(t.Context(), "layer", key(11)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it is kept: %v", err)
		}
	}
	if len(warned) != 1 || fault.Of(warned[0]) != fault.Unavailable || !strings.Contains(warned[0].Error(), dir) || !strings.Contains(fault.Hint(warned[0]), "--cache-dir") {
		t.Errorf("warned %v", warned)
	}
	if left, _ := os.ReadDir(elsewhere); len(left) > 0 {
		t.Errorf("left elsewhere: %v", left)
	}
	full := open(t, dir, cache.Options{TempDir: dir, Warn: func(error) {}})
	if _, err := commit(full, "layer", key(11), []byte(large)); fault.Of(err) != fault.Unavailable || !strings.Contains(fault.Hint(err), "--temp-dir") {
		t.Errorf("with the temporary folder there, too: %v; %s", err, fault.Hint(err))
	}
	put(t, d, "layer", key(12), "x") // there is room again
	s := temporary(t, dir)
	if _, err := commit(s, "layer", key(1), make([]byte, 2<<20)); fault.Of(err) != fault.Unavailable || !strings.Contains(fault.Hint(err), "--temp-dir") {
		t.Errorf("%v; %s", err, fault.Hint(err))
	}
}

// writeInPieces writes an entry as a layer's record is written, and reads it.
func writeInPieces(t *testing.T, d *cache.Dir, text string) {
	t.Helper()
	p, err := d.Create(t.Context(), "layer")
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(text); at += 300_000 {
		piece := text[at:min(at+300_000, len(text))]
		if n, err := p.Write([]byte(piece)); err != nil || n != len(piece) {
			t.Fatal(n, err)
		}
		head := make([]byte, 10)
		if _, err := p.ReadAt(head, 0); err != nil || string(head) != text[:10] {
			t.Fatalf("it begins with %q, %v", head, err)
		}
		if _, err := p.WriteAt([]byte(piece[:5]), int64(at)); err != nil {
			t.Fatal(err)
		}
	}
	b, err := p.Commit(key(11))
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, b); got != text {
		t.Errorf("%d bytes came back, want %d", len(got), len(text))
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

// smallDisk is a folder that holds so many bytes.
func smallDisk(t *testing.T, bytes int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := mountSmall(dir, bytes); err != nil {
		t.Skipf("no file system can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unmount(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
