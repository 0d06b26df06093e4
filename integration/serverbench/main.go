// Command serverbench measures how much an import server gets done: imports, and
// the assessment of all images after the vulnerability database changed. It runs
// the built program, makes the images up, and compares with plain work on the same
// machine: inserting the rows, and the grype command on each document.
//
//	make bench-server SERVERBENCH="-images 100,1000 -workers 1,2"
//	make bench-server SERVERBENCH="-write docs"
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tidepole/tidepole/integration/figures"
)

// PostgresVariable names a database in which schemas may be made; it is measured
// where there is one. integration/testbed sets it.
const PostgresVariable = "TIDEPOLE_TEST_POSTGRES"

type options struct {
	program, grype  string
	images, workers []int
	packages, files int
	clients         int
	scans           int
	stores          []string
	limit           time.Duration
	docs            string

	encoded *encoded
}

// stores are those that can be measured.
var stores = []string{"sqlite", "postgresql"}

func main() {
	o := options{encoded: &encoded{}}
	var images, workers, only string
	flag.StringVar(&o.program, "program", "bin/tidepole", "the tidepole to measure")
	flag.StringVar(&o.grype, "grype", "", "the grype command to compare with (default: it is built, of the version that tidepole contains)")
	flag.StringVar(&images, "images", "100,1000,10000", "numbers of images to measure with, in growing order; several numbers of workers are compared at the largest up to 1000")
	flag.StringVar(&workers, "workers", "1,2,4,8", "numbers of workers to measure with")
	flag.IntVar(&o.packages, "packages", 500, "packages of each image")
	flag.IntVar(&o.files, "files", 2000, "files of each image")
	flag.IntVar(&o.clients, "clients", 8, "clients that import at once")
	flag.IntVar(&o.scans, "scans", 10, "documents that the grype command is run on")
	flag.StringVar(&only, "stores", strings.Join(stores, ","), "stores to measure with")
	flag.DurationVar(&o.limit, "limit", 2*time.Hour, "the longest that all of it may take")
	flag.StringVar(&o.docs, "write", "", "a folder with performance.md, whose table is renewed")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if o.images, err = numbers("images", images); err == nil {
		o.workers, err = numbers("workers", workers)
	}
	if err == nil {
		o.stores, err = chosen(only)
	}
	if err == nil {
		limited, cancel := context.WithTimeoutCause(ctx, o.limit, fmt.Errorf("it took longer than %s; choose fewer -images, or a longer -limit", o.limit))
		err = run(limited, o)
		cancel()
		if cause := context.Cause(limited); err != nil && limited.Err() != nil && ctx.Err() == nil {
			err = errors.Join(cause, err)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "serverbench:", err)
		os.Exit(1)
	}
}

func numbers(name, text string) ([]int, error) {
	var all []int
	for s := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || n < 1 || len(all) > 0 && n <= all[len(all)-1] {
			return nil, fmt.Errorf("-%s %q is not a list of growing numbers", name, text)
		}
		all = append(all, n)
	}
	return all, nil
}

func chosen(text string) ([]string, error) {
	var all []string
	for s := range strings.SplitSeq(text, ",") {
		if s = strings.TrimSpace(s); !slices.Contains(stores, s) {
			return nil, fmt.Errorf("-stores %q: there is no store %q; have %s", text, s, strings.Join(stores, ", "))
		}
		all = append(all, s)
	}
	return all, nil
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "serverbench: "+format+"\n", args...) }

// run measures on SQLite, and on PostgreSQL where it is there.
func run(ctx context.Context, o options) error {
	f := measures{machine: figures.Machine(), options: o}
	b, err := newBench(o)
	if err != nil {
		return err
	}
	defer b.close()
	if err := b.prepare(ctx); err != nil {
		return err
	}
	if f.scan, err = b.scan(ctx); err != nil {
		return fmt.Errorf("run grype: %w", err)
	}
	places, err := b.places(ctx)
	if err != nil {
		return err
	}
	for _, p := range places {
		defer p.close()
		r, err := b.measure(ctx, p)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		f.stores = append(f.stores, r)
	}
	return publish(f)
}

// places are the stores that were chosen and are there.
func (b *bench) places(ctx context.Context) ([]*place, error) {
	var all []*place
	for _, name := range b.o.stores {
		if name == "sqlite" {
			all = append(all, sqlitePlace(b))
			continue
		}
		url := os.Getenv(PostgresVariable)
		if url == "" {
			say("SKIPPED PostgreSQL: %s is not set (make bench-server sets it)", PostgresVariable)
			continue
		}
		p, err := postgresPlace(ctx, b, url)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}
