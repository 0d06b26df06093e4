package cache_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
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

// Where the disk is full, entries give way; where none is left, the error says
// what to do, and no half entry stays.
func TestAFullDisk(t *testing.T) {
	dir := smallDisk(t, 1<<20)
	d := open(t, dir, cache.Options{})
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
	_, err := commit(d, "layer", key(11), make([]byte, 2<<20))
	if fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), dir) || !strings.Contains(fault.Hint(err), "--cache-dir") {
		t.Errorf("%v; %s", err, fault.Hint(err))
	}
	if s := status(t, d); s.Pending.Count+s.Unfinished.Count > 0 {
		t.Errorf("left behind: %+v", s)
	}
	put(t, d, "layer", key(12), "x") // there is room again
	s := temporary(t, dir)
	if _, err := commit(s, "layer", key(1), make([]byte, 2<<20)); fault.Of(err) != fault.Unavailable || !strings.Contains(fault.Hint(err), "--temp-dir") {
		t.Errorf("%v; %s", err, fault.Hint(err))
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
