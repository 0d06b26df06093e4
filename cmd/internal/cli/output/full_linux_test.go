package output_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/formats/fault"
)

// Where there is no room, the error names the user's file and says what to do,
// whoever wrapped it on the way.
func TestNoRoomForAFile(t *testing.T) {
	long := strings.Repeat("evidence", 1<<17)
	fill := func(w io.Writer) error {
		if _, err := io.WriteString(w, long); err != nil {
			return fmt.Errorf("write evidence: %w", err)
		}
		return nil
	}
	refused := func(path, hint string) {
		t.Helper()
		err := output.File{Path: path}.Write(io.Discard, fill)
		if fault.Of(err) != fault.Unavailable || !strings.Contains(fault.Hint(err), hint) {
			t.Errorf("%v (%v, hint %q)", err, fault.Of(err), fault.Hint(err))
		}
		if err != nil && (!strings.Contains(err.Error(), "write "+path+": ") || strings.Contains(err.Error(), ".tidepole-")) {
			t.Errorf("%q does not name %s alone", err, path)
		}
	}
	refused("/dev/full", "make room on the disk of /dev")

	dir := t.TempDir()
	bounded(t, 1<<19)
	refused(filepath.Join(dir, "out"), "ulimit -f")
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// bounded has files that the test writes end at that length: a disk that is full
// ends them likewise.
func bounded(t *testing.T, length uint64) {
	t.Helper()
	var was syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &was); err != nil {
			t.Error(err)
		}
	})
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: length, Max: was.Max}); err != nil {
		t.Fatal(err)
	}
}
