package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tidepole/tidepole/integration/figures"
)

// publish prints the tables and, if docs is a folder, writes them and the plot
// to it.
func publish(r Results, docs string) error {
	text := tables(r)
	if _, err := os.Stdout.WriteString(text); err != nil || docs == "" {
		return err
	}
	if err := figures.Write(docs, "bench", text); err != nil {
		return err
	}
	if svg := plot(r); svg != "" {
		return os.WriteFile(filepath.Join(docs, "performance.svg"), []byte(svg), 0o644)
	}
	return nil
}

// tables are the results as Markdown.
func tables(r Results) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nMeasured on %s.\n\n", r.Machine)
	markdown(&b, []string{"measure", "value", "target", "met", "from"}, func(line func(...string)) {
		for _, t := range r.targets() {
			line(t.Measure, t.Value, t.Target, t.Met, t.Detail)
		}
	})
	b.WriteString("\nAll runs, medians:\n\n")
	markdown(&b, []string{"what", "image", "source", "cache", "runs", "wall", "CPU", "peak memory", "read", "written", "left", "kept"}, func(line func(...string)) {
		for _, measured := range r.Measures {
			m, ok := r.median(measured.Job)
			if !ok {
				continue
			}
			j := measured.Job
			line(j.Tool, j.Image, j.Source, j.Cache, fmt.Sprint(len(measured.Runs)), fmt.Sprintf("%.2f s", m.Wall.Seconds()), fmt.Sprintf("%.2f s", m.CPU.Seconds()), size(m.Peak), size(m.Read), size(m.Written), size(m.Left), size(m.Kept))
		}
	})
	b.WriteString("\nThe images:\n\n")
	markdown(&b, []string{"image", "layers", "compressed", "inflated", "entries of layers", "paths that syft lists", "packages"}, func(line func(...string)) {
		for _, f := range r.Images {
			line(f.Name, fmt.Sprint(f.Layers), size(f.Size), size(f.Inflated), fmt.Sprint(f.Entries), count(f.Present), count(f.Packages))
		}
	})
	for i, n := range r.Notes {
		if i == 0 {
			b.WriteString("\nNotes of the run:\n\n")
		}
		fmt.Fprintf(&b, "- %s\n", strings.ReplaceAll(n, "\n", " "))
	}
	return b.String()
}

func markdown(b *strings.Builder, head []string, lines func(func(...string))) {
	line := func(cells ...string) { fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | ")) }
	line(head...)
	fmt.Fprintln(b, strings.Repeat("|---", len(head))+"|")
	lines(line)
}

func count(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

func readResults(name string) (r Results, err error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(data, &r)
}
