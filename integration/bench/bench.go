package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// bench is one run of the benchmark.
type bench struct {
	options
	store       store
	dir         string // of this run
	syftProgram string
	gitleaks    string
	registry    string // HOST:PORT; "": there is none
	docker      string // of the daemon, as DOCKER_HOST has it; "": there is none
	unpacked    string // the reference image's files
	caches      bool   // tidepole has a cache

	results Results
	answers map[job]string
}

func (b *bench) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	say("%s", text)
	b.results.Notes = append(b.results.Notes, text)
}

// measure runs one job. What goes wrong is noted; the bench goes on.
func (b *bench) measure(ctx context.Context, j job, i image, home string) {
	if err := b.tryMeasure(ctx, j, i, home); err != nil && ctx.Err() == nil {
		b.note("%s: %v", j, err)
	}
}

func (b *bench) tryMeasure(ctx context.Context, j job, i image, home string) error {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	c, answer, err := b.commandOf(j, i, home)
	if err != nil {
		return err
	}
	m, err := c.run(ctx)
	if err != nil {
		return err
	}
	say("%-45s %6.2fs wall %6.2fs cpu %5d MB peak %6d MB written, %d MB left, %d MB kept", j, m.Wall.Seconds(), m.CPU.Seconds(), m.Peak>>20, m.Written>>20, m.Left>>20, m.Kept>>20)
	b.results.add(j, m)
	return b.keep(j, answer)
}

// keep keeps a job's first answer, to be compared.
func (b *bench) keep(j job, answer string) error {
	if _, err := os.Stat(answer); err != nil || b.answers[j] != "" {
		return nil
	}
	to := filepath.Join(b.dir, "answers", strings.ReplaceAll(j.String(), "/", "-"))
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	b.answers[j] = to
	return os.Rename(answer, to)
}

// alone runs a job in folders that are removed again.
func (b *bench) alone(ctx context.Context, j job, i image) {
	home, err := os.MkdirTemp(b.dir, "home-")
	if err != nil {
		b.note("%s: %v", j, err)
		return
	}
	defer os.RemoveAll(home)
	b.measure(ctx, j, i, home)
}

// sequence is tidepole on an image that nothing is known of, on the same image
// again, and on images that differ in the topmost layer.
func (b *bench) sequence(ctx context.Context, i image, source string, changed ...image) {
	home, err := os.MkdirTemp(b.dir, "home-")
	if err != nil {
		b.note("%v", err)
		return
	}
	defer os.RemoveAll(home)
	b.measure(ctx, job{tidepole, i.Name, source, empty}, i, home)
	if !b.caches {
		return
	}
	for _, next := range append([]image{i}, changed...) {
		b.measure(ctx, job{tidepole, next.Name, source, filled}, next, home)
	}
}
