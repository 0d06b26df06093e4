package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// sources are where images can be read on this machine, in this run.
func (b *bench) sources() []string {
	var there []string
	for _, s := range []struct{ name, at string }{{archive, "."}, {registry, b.registry}, {daemon, b.docker}} {
		switch {
		case !b.only.has(s.name):
		case s.at == "":
			b.note("there is no %s: run it under integration/testbed as root", s.name)
		default:
			there = append(there, s.name)
		}
	}
	return there
}

// cases measures everything that was chosen.
func (b *bench) cases(ctx context.Context) error {
	sources := b.sources()
	images, err := b.images(ctx)
	if err != nil {
		return err
	}
	for _, i := range images {
		if err := b.place(ctx, i, sources); err != nil {
			return err
		}
	}
	for _, i := range images {
		switch i.Name {
		case topChanged, topProgram: // part of the reference image's sequence
		case reference:
			for range b.runs {
				b.referenceRound(ctx, i, images, sources)
			}
		default:
			b.grown(ctx, i, sources)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b.compare(ctx, i)
	}
	return b.secretCases(ctx, images)
}

// place brings an image to where it is read, and its bytes into the page cache.
func (b *bench) place(ctx context.Context, i image, sources []string) error {
	if slices.Contains(sources, registry) {
		if err := push(ctx, i, b.registry); err != nil {
			return fmt.Errorf("push %s: %w", i.Name, err)
		}
	}
	if slices.Contains(sources, daemon) && i.Name == reference {
		return load(ctx, i, b.docker)
	}
	return nil
}

func (b *bench) referenceRound(ctx context.Context, i image, images []image, sources []string) {
	var changed []image
	for _, other := range images {
		if other.Name == topChanged || other.Name == topProgram {
			changed = append(changed, other)
		}
	}
	if b.only.has(limit) {
		b.warm(i.layout())
		b.alone(ctx, job{Tool: limit, Image: i.Name}, i)
	}
	for _, source := range sources {
		if source == archive {
			b.warm(i.archive())
		}
		if source == daemon {
			b.alone(ctx, job{Tool: save, Image: i.Name, Source: source}, i)
		}
		if !b.skipPeers {
			b.alone(ctx, job{Tool: syft, Image: i.Name, Source: source}, i)
		}
		if source != registry {
			b.alone(ctx, job{tidepole, i.Name, source, empty}, i)
			continue
		}
		b.sequence(ctx, i, source, changed...)
		if b.caches {
			b.alone(ctx, job{tidepole, i.Name, source, off}, i)
		}
	}
}

// grown measures an image of another size, from the first source there is:
// the registry, if that is one.
func (b *bench) grown(ctx context.Context, i image, sources []string) {
	source := b.mainSource(sources)
	if source == "" {
		return
	}
	if source == archive {
		b.warm(i.archive())
	}
	for range min(b.runs, growthRuns) {
		if !b.skipPeers {
			b.alone(ctx, job{Tool: syft, Image: i.Name, Source: source}, i)
		}
		b.alone(ctx, job{tidepole, i.Name, source, empty}, i)
	}
}

// growthRuns is how often an image other than the reference is measured at most.
const growthRuns = 1

func (b *bench) mainSource(sources []string) string {
	for _, s := range []string{registry, archive} {
		if slices.Contains(sources, s) {
			return s
		}
	}
	return ""
}

func (b *bench) warm(path string) {
	if err := warm(path); err != nil {
		b.note("%v", err)
	}
}

// helpRuns is how often tidepole --help is run.
const helpRuns = 20

func (b *bench) help(ctx context.Context) {
	home := filepath.Join(b.dir, "help")
	for range helpRuns {
		m, err := command{args: []string{b.program, "--help"}, home: home}.run(ctx)
		if err != nil {
			b.note("tidepole --help: %v", err)
			return
		}
		b.results.add(job{Tool: "tidepole --help"}, m)
	}
}

// hasCache says whether tidepole has a flag that switches its cache off.
func hasCache(ctx context.Context, program string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "image", "analyze", "--help").CombinedOutput()
	if err != nil {
		return false, errors.Join(err, errors.New(string(out)))
	}
	return strings.Contains(string(out), "--no-cache"), nil
}
