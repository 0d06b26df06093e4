package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// compare compares the answers on an image, from every source that both have.
func (b *bench) compare(i image) {
	f := Facts{Name: i.Name, Size: i.size(), Inflated: i.inflated(), Entries: i.entries(), Layers: len(i.Layers)}
	defer func() { b.results.Images = append(b.results.Images, f) }()
	for _, source := range []string{archive, registry, daemon} {
		peer, own := b.answers[job{Tool: syft, Image: i.Name, Source: source}], b.answers[job{tidepole, i.Name, source, empty}]
		if peer == "" || own == "" {
			continue
		}
		differences, err := b.compareFiles(peer, own)
		if err != nil {
			b.note("compare %s from %s: %v", i.Name, source, err)
			continue
		}
		f.Packages, f.Present = differences[0].Syft, differences[2].Syft
		b.results.Comparisons = append(b.results.Comparisons, Comparison{i.Name + ", " + source, differences})
		b.describe(i.Name, source, differences)
	}
	first, again := b.answers[job{tidepole, i.Name, registry, empty}], b.answers[job{tidepole, i.Name, registry, filled}]
	if first != "" && again != "" && !sameFile(first, again) {
		b.note("%s: the cached answer is not byte for byte the uncached one (%s, %s)", i.Name, first, again)
	}
}

func (b *bench) compareFiles(peer, own string) ([]difference, error) {
	left, err := filePeer(peer)
	if err != nil {
		return nil, err
	}
	e, err := evidence(own, b.dir)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	right, err := evidenceSections(e)
	if err != nil {
		return nil, err
	}
	return compare(left, right), nil
}

// describe writes the differences to a file of the run, and says where.
func (b *bench) describe(name, source string, differences []difference) {
	for _, d := range differences {
		if len(d.Missing)+len(d.More) == 0 {
			continue
		}
		to := filepath.Join(b.dir, fmt.Sprintf("different-%s-%s-%s.txt", name, source, d.Section))
		text := "- " + strings.Join(d.Missing, "\n- ") + "\n+ " + strings.Join(d.More, "\n+ ") + "\n"
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			b.note("%v", err)
		}
		b.note("%s from %s: %s differ: %d only in syft's answer, %d only in tidepole's: %s", name, source, d.Section, len(d.Missing), len(d.More), to)
	}
}
