// Command bench measures tidepole against its peers: it makes an image with real
// package managers and others from that, analyses each from every source with
// tidepole and with syft in turn, compares the answers, and prints what all of
// it cost, against the targets.
//
//	make bench
//	make bench BENCH="-only archive,registry -image reference -runs 1"
//
// The recipe needs root, debootstrap and the network, the first time only: what
// is made is kept in the user's cache folder (tidepole-bench, about 20 GB).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/tidepole/tidepole/integration/figures"
)

// choice is a flag's list of names; all of them, if it is empty.
type choice []string

func (c choice) has(name string) bool { return len(c) == 0 || slices.Contains(c, name) }
func (c choice) String() string       { return strings.Join(c, ",") }

func (c *choice) Set(s string) error {
	*c = strings.Split(s, ",")
	return nil
}

// options are what the flags say.
type options struct {
	program   string
	only      choice
	chosen    choice
	runs      int
	write     string
	from      string
	keep      bool
	skipPeers bool
	makeOnly  bool
}

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case launch:
			os.Exit(runLaunch(os.Args[2:]))
		case limit:
			exit(runLimit(os.Args[2]))
		case secretsAlone:
			exit(runSecretsAlone(os.Args[2]))
		}
	}
	var o options
	flag.StringVar(&o.program, "program", "bin/tidepole", "the tidepole to measure")
	flag.Var(&o.only, "only", "what to measure, of archive, registry, daemon, limit, secrets, help (default: all)")
	flag.Var(&o.chosen, "image", "images to measure, of "+strings.Join(imageNames, ", ")+" (default: all)")
	flag.IntVar(&o.runs, "runs", 3, "how often to measure the reference image; the median counts")
	flag.StringVar(&o.write, "write", "", "DIR of docs to write the tables and the plot to")
	flag.StringVar(&o.from, "from", "", "print the tables of FILE, the results of an earlier run, and measure nothing")
	flag.BoolVar(&o.keep, "keep", false, "keep the answers")
	flag.BoolVar(&o.skipPeers, "skip-peers", false, "measure tidepole alone")
	flag.BoolVar(&o.makeOnly, "make", false, "make the images, and measure nothing")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	exit(run(ctx, o))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...) }

func run(ctx context.Context, o options) error {
	if o.from != "" {
		r, err := readResults(o.from)
		if err != nil {
			return err
		}
		return publish(r, o.write)
	}
	b, err := prepare(ctx, o)
	if err != nil {
		return err
	}
	if o.makeOnly {
		_, err := b.images(ctx)
		return err
	}
	if b.dir, err = os.MkdirTemp("", "tidepole-bench-"); err != nil {
		return err
	}
	if !o.keep {
		defer os.RemoveAll(b.dir)
	}
	if err := b.cases(ctx); err != nil {
		return err
	}
	results := b.store.path("results.json")
	if err := writeJSON(results, b.results); err != nil {
		return err
	}
	say("the figures are in %s", results)
	return publish(b.results, o.write)
}

// prepare finds or builds the programs that are measured.
func prepare(ctx context.Context, o options) (*bench, error) {
	s, err := openStore()
	if err != nil {
		return nil, err
	}
	if err := s.lock(); err != nil {
		return nil, err
	}
	b := &bench{
		options: o, store: s, answers: map[job]string{},
		registry: os.Getenv("TIDEPOLE_TEST_REGISTRY"), docker: os.Getenv("TIDEPOLE_TEST_DOCKER_HOST"),
	}
	if b.program, err = filepath.Abs(o.program); err != nil {
		return nil, err
	}
	if b.syftProgram, err = s.tool(syftModule); err != nil {
		return nil, err
	}
	if b.gitleaks, err = s.tool(gitleaksModule); err != nil {
		return nil, err
	}
	if o.makeOnly {
		return b, nil
	}
	if b.caches, err = hasCache(ctx, b.program); err != nil {
		return nil, errors.Join(errors.New("run make build first"), err)
	}
	b.results.Machine = figures.Machine()
	return b, nil
}
