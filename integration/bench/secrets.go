package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/tidepole/tidepole/analysis/secrets"
)

// speed is what the secret search does on one core.
type speed struct {
	Files    int
	Searched int64 // bytes of the files that are searched: not too large
	CPU      time.Duration
}

// PerSecond is in MB (10⁶ bytes) per second of one core.
func (s speed) PerSecond() float64 { return float64(s.Searched) / 1e6 / s.CPU.Seconds() }

// secretsAlone is the hidden command that searches the files below a folder on
// one core; GOMAXPROCS is set for it. Reading them is not counted.
const secretsAlone = "secrets-alone"

const batchSize = 64 << 20

func runSecretsAlone(root string) error {
	m, err := secrets.New(secrets.Options{})
	if err != nil {
		return err
	}
	var s speed
	var batch []file
	size := 0
	search := func() error {
		start := processorTime()
		for _, f := range batch {
			if _, _, err := m.Scan(f.name, int64(len(f.data)), bytes.NewReader(f.data)); err != nil {
				return err
			}
			s.Searched += int64(len(f.data))
		}
		s.CPU += processorTime() - start
		s.Files += len(batch)
		batch, size = nil, 0
		return nil
	}
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		if info, err := d.Info(); err != nil || info.Size() > m.MaxFileSize() || info.Size() == 0 {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		batch, size = append(batch, file{name: name[len(root):], data: data}), size+len(data)
		if size < batchSize {
			return nil
		}
		return search()
	})
	if err == nil {
		err = search()
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(s)
}

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it takes no argument that could be wrong
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peerFound are the files in which gitleaks found something, with how often.
func peerFound(report, root string) (map[string]int, error) {
	data, err := os.ReadFile(report)
	if err != nil {
		return nil, err
	}
	var findings []struct{ File string }
	if err := json.Unmarshal(data, &findings); err != nil {
		return nil, fmt.Errorf("%s: %w", report, err)
	}
	paths := map[string]int{}
	for _, f := range findings {
		rel, err := filepath.Rel(root, f.File)
		if err != nil {
			return nil, err
		}
		paths["/"+rel]++
	}
	return paths, nil
}
