package env

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
)

// temp is the process's own folder for temporary files.
type temp struct {
	swept sync.Once

	mu   sync.Mutex
	path string
	held *os.File // locked as long as the folder is in use
	done bool
}

// tempPattern is how the folders of all processes are called: their process's
// id, for people to read, and a random end.
var tempPattern = regexp.MustCompile(`^tidepole-[1-9][0-9]*-[0-9]+$`)

// holdFile is a file in the folder, which its process holds a lock on. A lock
// tells who lives where a process's id cannot: containers that share a folder
// have the same ids.
const holdFile = "in-use"

// TempDir is a folder that only this user can read and that is gone when the
// process ends. The first call makes it, points the process's own environment
// to it, so that libraries use it too, and removes what dead processes left.
func (e *Env) TempDir() (string, error) {
	root := e.Global.TempDir
	if root == "" {
		root = os.TempDir()
	}
	root, err := filepath.Abs(root)
	if err != nil {
		return "", fmt.Errorf("make a temporary folder: %w", err)
	}
	e.temp.swept.Do(func() { sweep(root) }) // much may be left: who ends the process does not wait for it
	e.temp.mu.Lock()
	defer e.temp.mu.Unlock()
	if e.temp.done {
		return "", fmt.Errorf("make a temporary folder: the process is ending")
	}
	if e.temp.path != "" {
		return e.temp.path, nil
	}
	dir, held, err := makeHeld(root)
	if err != nil {
		return "", noTemp(root, err)
	}
	e.temp.path, e.temp.held = dir, held
	return dir, e.announce(dir)
}

// makeHeld makes a folder that no sweep removes: one that was faster than the
// lock has the folder, and another one is made.
func makeHeld(root string) (string, *os.File, error) {
	for range removals {
		dir, err := os.MkdirTemp(root, fmt.Sprintf("tidepole-%d-", os.Getpid()))
		if err != nil {
			return "", nil, err
		}
		held, _, err := hold(dir)
		if held != nil {
			return dir, held, nil
		}
		_ = os.RemoveAll(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", nil, err
		}
	}
	return "", nil, errors.New("others remove it each time")
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
	path, held := e.temp.path, e.temp.held
	e.temp.mu.Unlock()
	if path == "" {
		return nil
	}
	defer held.Close() // last, so that no sweep is at it meanwhile
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

// youth is how old a folder without a file to lock is at least that is swept: its
// process may be about to make one.
const youth = 5 * time.Second

// sweep removes from root what processes of this user that live no more left.
// What cannot be locked or removed is left: another process is at it.
func sweep(root string) {
	entries, err := os.ReadDir(root)
	if err != nil {
		return
	}
	for _, entry := range entries {
		if !tempPattern.MatchString(entry.Name()) || !entry.IsDir() {
			continue
		}
		info, err := entry.Info()
		if err != nil || !own(info) {
			continue
		}
		dir := filepath.Join(root, entry.Name())
		if _, err := os.Lstat(filepath.Join(dir, holdFile)); err != nil && time.Since(info.ModTime()) < youth {
			continue
		}
		held, locked, _ := hold(dir)
		if locked {
			_ = os.RemoveAll(dir)
		}
		if held != nil {
			held.Close()
		}
	}
}
