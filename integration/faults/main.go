// Command faults runs tidepole's own processes and lets go wrong what can go wrong:
// processes are killed, stopped and thawed, connections are cut and slowed down,
// the registry breaks off, the disk is full; while users add, import, force, cancel
// and delete images. What is done when is drawn from a generator, whose seed it
// prints. After every round all is mended, and what must hold is looked at: see
// docs/reliability.md.
//
//	go build -tags faults -o bin/tidepole-faults ./cmd/tidepole
//	go run ./integration/faults -database FILE,FILE -seed 7 -steps 2000
//
// With -servers 2 or -workers 2 rows are in a PostgreSQL of its own and blobs in an
// object store, which have mishaps, too.
//
// It ends with 1 where something did not hold.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	var o Options
	var databases string
	flag.StringVar(&o.Program, "program", "bin/tidepole-faults", "the tidepole to run; one that was built with the tag faults can have its clock set")
	flag.StringVar(&databases, "database", "", "archives of vulnerability databases to import in turn, with commas between")
	flag.Uint64Var(&o.Seed, "seed", rand.Uint64()>>32, "what the run is drawn from")
	flag.IntVar(&o.Steps, "steps", 2000, "how many requests and mishaps")
	flag.DurationVar(&o.For, "for", time.Hour, "end at the round that ends after this time")
	flag.IntVar(&o.Round, "round", 50, "steps between two looks at everything")
	flag.IntVar(&o.Images, "images", 16, "images in the registry")
	flag.IntVar(&o.Servers, "servers", 1, "servers; several share PostgreSQL and an object store, which have mishaps, too")
	flag.IntVar(&o.Workers, "workers", 0, "processes that work for the servers, on PostgreSQL and an object store")
	flag.DurationVar(&o.Bound, "bound", 3*time.Minute, "how long it may take until every image is in a final state, once all is mended")
	keep := flag.Bool("keep", false, "leave the folder there for a look")
	asJSON := flag.Bool("json", false, "print the figures as JSON")
	flag.BoolVar(&o.Verbose, "v", false, "tell every step")
	flag.Parse()
	if databases != "" {
		o.Databases = strings.Split(databases, ",")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, o, *keep, *asJSON))
}

func run(ctx context.Context, o Options, keep, asJSON bool) int {
	fmt.Fprintf(os.Stderr, "faults: seed %d\n", o.Seed)
	dir, err := os.MkdirTemp("", "tidepole-faults-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		return 1
	}
	o.Dir = dir
	figures, err := Run(ctx, o)
	if keep {
		fmt.Fprintln(os.Stderr, "faults: all of it is in", dir)
	} else {
		os.RemoveAll(dir)
	}
	if asJSON {
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "  ")
		out.Encode(figures)
	} else {
		fmt.Print(figures)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "faults: seed %d: %v\n", o.Seed, err)
		return 1
	}
	return 0
}
