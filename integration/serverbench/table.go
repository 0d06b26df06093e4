package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/tidepole/tidepole/integration/figures"
)

// measures are all that one run measured.
type measures struct {
	machine string
	options options
	scan    rate // the grype command, one document at a time
	stores  []result
}

// publish prints the tables and writes them into the page, where there is one.
func publish(f measures) error {
	text := table(f)
	if _, err := os.Stdout.WriteString(text); err != nil || f.options.docs == "" {
		return err
	}
	return figures.Write(f.options.docs, "serverbench", text)
}

// table is the figures as Markdown.
func table(f measures) string {
	var b strings.Builder
	o := f.options
	fmt.Fprintf(&b, "\nMeasured on %s. Images of %d packages and %d files each; %d clients, on the same machine. The grype command takes %.2f s, and %.2f s of CPU, for one document (mean of %d).\n",
		f.machine, o.packages, o.files, o.clients, f.scan.each().Seconds(), f.scan.cpuEach().Seconds(), f.scan.images)
	for _, r := range f.stores {
		fmt.Fprintf(&b, "\n%s, images imported (plain inserts of their rows: %.0f images a second):\n\n", r.store, r.inserts.perSecond())
		row(&b, "images there", "workers", "imports a second", "against plain inserts", "analysed a second", "CPU an image", "peak memory")
		row(&b, "---", "---", "---", "---", "---", "---", "---")
		for _, f := range r.fills {
			row(&b, fmt.Sprint(f.there), fmt.Sprint(f.workers), decimal(f.imported.perSecond()), fmt.Sprintf("%.2f", ratio(f.imported.perSecond(), r.inserts.perSecond())),
				decimal(f.analyzed.perSecond()), milliseconds(f.analyzed), f.analyzed.peak.String())
		}
		assessed(&b, fmt.Sprintf("%s, assessed again after the database changed, by number of workers", r.store), f.scan, r.workers)
		assessed(&b, fmt.Sprintf("%s, the same by number of images%s", r.store, growth(r.growth)), f.scan, r.growth)
	}
	return b.String()
}

func assessed(b *strings.Builder, title string, scan rate, all []again) {
	fmt.Fprintf(b, "\n%s:\n\n", title)
	row(b, "images", "workers", "images a second", "times the grype command's", "CPU an image", "CPU against the grype command's", "peak memory")
	row(b, "---", "---", "---", "---", "---", "---", "---")
	for _, a := range all {
		row(b, fmt.Sprint(a.images), fmt.Sprint(a.workers), decimal(a.perSecond()), decimal(ratio(a.perSecond(), scan.perSecond())),
			milliseconds(a.rate), fmt.Sprintf("%.3f", ratio(a.cpuEach().Seconds(), scan.cpuEach().Seconds())), a.peak.String())
	}
}

// growth says what the most images cost, each, against the fewest.
func growth(all []again) string {
	if len(all) < 2 {
		return ""
	}
	first, last := all[0], all[len(all)-1]
	return fmt.Sprintf(" (an image's CPU with %d against %d: ×%.2f)", last.images, first.images, ratio(last.cpuEach().Seconds(), first.cpuEach().Seconds()))
}

func row(b *strings.Builder, cells ...string) {
	if cells[0] == "---" {
		fmt.Fprintf(b, "|%s|\n", strings.Join(cells, "|"))
		return
	}
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

// ratio is 0 where there is nothing to compare with.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func decimal(v float64) string   { return fmt.Sprintf("%.1f", v) }
func milliseconds(r rate) string { return fmt.Sprintf("%.1f ms", r.cpuEach().Seconds()*1000) }

// String is the whole, and in brackets what is the process's own of it.
func (m memory) String() string { return fmt.Sprintf("%d MiB (%d)", m.resident>>20, m.own>>20) }
