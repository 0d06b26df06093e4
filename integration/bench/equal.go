package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// compare compares the answers on an image, from every source that both have.
func (b *bench) compare(ctx context.Context, i image) {
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
		for run := 0; run < peerAgain && unequal(differences); run++ {
			if err := b.settle(ctx, job{Tool: syft, Image: i.Name, Source: source}, i, differences); err != nil {
				b.note("compare %s from %s with another answer of syft's: %v", i.Name, source, err)
				break
			}
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

// peerAgain is how often syft runs again where the answers differ: some of what it
// says depends on the order in which its catalogers end.
const peerAgain = 3

// settle runs syft again, and takes from the differences what its own answers
// differ in.
func (b *bench) settle(ctx context.Context, j job, i image, differences []difference) error {
	home, err := os.MkdirTemp(b.dir, "home-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(home)
	c, answer, err := b.commandOf(j, i, home)
	if err != nil {
		return err
	}
	if _, err := c.run(ctx); err != nil {
		return err
	}
	again, err := filePeer(answer)
	if err != nil {
		return err
	}
	for n := range differences {
		differences[n].settle(again)
	}
	return nil
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
		if len(d.Unsteady) > 0 {
			b.note("%s from %s: syft's own answers differ in %d %s: %s", name, source, len(d.Unsteady), d.Section, strings.Join(d.Unsteady, "; "))
		}
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
