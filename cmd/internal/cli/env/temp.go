package env

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
)

// temp is the process's own folder for temporary files.
type temp struct {
	mu   sync.Mutex
	path string
	done bool
}

// tempPattern is how the folders of all processes are called: their process's
// id, and a random end.
var tempPattern = regexp.MustCompile(`^tidepole-([1-9][0-9]*)-[0-9]+$`)

// TempDir is a folder that only this user can read and that is gone when the
// process ends. The first call makes it, points the process's own environment
// to it, so that libraries use it too, and removes what dead processes left.
func (e *Env) TempDir() (string, error) {
	e.temp.mu.Lock()
	defer e.temp.mu.Unlock()
	if e.temp.done {
		return "", fmt.Errorf("make a temporary folder: the process is ending")
	}
	if e.temp.path != "" {
		return e.temp.path, nil
	}
	root := e.Global.TempDir
	if root == "" {
		root = os.TempDir()
	}
	root, err := filepath.Abs(root)
	if err != nil {
		return "", fmt.Errorf("make a temporary folder: %w", err)
	}
	sweep(root)
	dir, err := os.MkdirTemp(root, fmt.Sprintf("tidepole-%d-", os.Getpid()))
	if err != nil {
		return "", noTemp(root, err)
	}
	e.temp.path = dir
	return dir, e.announce(dir)
}

// noTemp names the folder that the user can do something about.
func noTemp(root string, err error) error {
	var other *fs.PathError
	if errors.As(err, &other) {
		err = other.Err
	}
	return fault.New(fault.Invalid, "make a temporary folder in %s: %w", root, err).
		WithHint("--temp-dir or TIDEPOLE_TEMP_DIR names a folder that is there, that this user can write to and that has space")
}

func (e *Env) announce(dir string) error {
	if e.Setenv == nil {
		return nil
	}
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		if err := e.Setenv(name, dir); err != nil {
			return fmt.Errorf("set %s: %w", name, err)
		}
	}
	return nil
}

// RemoveTemp removes the folder that TempDir made, if it did; there is none
// afterwards. It may be called more than once.
func (e *Env) RemoveTemp() error {
	e.temp.mu.Lock()
	e.temp.done = true
	path := e.temp.path
	e.temp.mu.Unlock()
	if path == "" {
		return nil
	}
	var err error
	for range removals {
		if err = os.RemoveAll(path); err == nil {
			return nil
		}
		time.Sleep(removalPause) // work that was told to end may still be at it
	}
	return fmt.Errorf("remove temporary files: %w", err)
}

// How often, and after what pauses, the folder is tried to be removed.
const (
	removals     = 5
	removalPause = 50 * time.Millisecond
)

// sweep removes from root what processes of this user that live no more left.
// What cannot be removed is left: another process may be at it.
func sweep(root string) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return
	}
	for _, entry := range entries {
		m := tempPattern.FindStringSubmatch(entry.Name())
		if m == nil || !entry.IsDir() {
			continue
		}
		pid, err := strconv.Atoi(m[1])
		info, infoErr := entry.Info()
		if err != nil || infoErr != nil || alive(pid) || !own(info) {
			continue
		}
		_ = os.RemoveAll(filepath.Join(root, entry.Name()))
	}
}
