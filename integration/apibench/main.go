// Command apibench measures how long an import server takes to answer questions
// over all images, and how that grows with their number. It makes the images up.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

func main() {
	sizes := flag.String("images", "100,1000,10000", "numbers of images to measure with, in growing order")
	packages := flag.Int("packages", 500, "packages of each image")
	dir := flag.String("dir", "", "folder for the server's data, which stays, and is added to where it is there (default: a temporary one)")
	goal := flag.Duration("goal", 50*time.Millisecond, "median that no question should exceed")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *sizes, *packages, *dir, *goal); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, text string, packages int, dir string, goal time.Duration) error {
	sizes, err := numbers(text)
	if err != nil {
		return err
	}
	if dir == "" {
		temp, err := os.MkdirTemp("", "apibench-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temp)
		dir = filepath.Join(temp, "data")
	}
	made := maker{dir: dir, packages: packages}
	if err := made.open(ctx); err != nil {
		return err
	}
	if made.images > sizes[0] {
		return fmt.Errorf("%s has %d images already, more than %d", dir, made.images, sizes[0])
	}
	var results [][]result
	for _, n := range sizes {
		began := time.Now()
		if err := made.fill(ctx, n); err != nil {
			return err
		}
		size, err := made.size()
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "%d images: filled in %.1f s, %d MiB of rows\n", n, time.Since(began).Seconds(), size>>20)
		r, err := measure(ctx, dir, made)
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	return table(sizes, results, goal)
}

func numbers(text string) ([]int, error) {
	var all []int
	for _, s := range strings.Split(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || n < 1 || len(all) > 0 && n <= all[len(all)-1] {
			return nil, fmt.Errorf("-images %q is not a list of growing numbers", text)
		}
		all = append(all, n)
	}
	return all, nil
}

// table prints medians by question and number of images, how they grow from the
// first number to the last, and the CPU time of an answer at the last.
func table(sizes []int, results [][]result, goal time.Duration) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "median of an answer, ms\t")
	for _, n := range sizes {
		fmt.Fprintf(w, "%d images\t", n)
	}
	fmt.Fprintf(w, "growth\tCPU\tsize at %d\tgoal of %v\n", sizes[len(sizes)-1], goal)
	for row := range results[0] {
		fmt.Fprintf(w, "%s\t", results[0][row].what)
		for _, r := range results {
			fmt.Fprintf(w, "%.1f\t", r[row].median.Seconds()*1000)
		}
		first, last := results[0][row], results[len(results)-1][row]
		verdict := "kept"
		if last.median > goal {
			verdict = "missed"
		}
		fmt.Fprintf(w, "×%.1f\t%.1f\t%.1f KiB\t%s\n", last.median.Seconds()/first.median.Seconds(), last.cpu.Seconds()*1000, float64(last.bytes)/1024, verdict)
	}
	return w.Flush()
}
