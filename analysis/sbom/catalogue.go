// Package sbom has syft catalogue an image by what is known of its layers, and
// writes what it found in the formats of software bills of materials.
package sbom

import (
	"context"
	"fmt"
	"sync"

	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/source"
)

// Catalogue is the packages of an image and how they relate, in the form of the
// document's parts, compressed.
type Catalogue struct {
	*sections
	source      Source
	description source.Description
	executables map[file.Coordinates]bool // the files syft takes for executables
}

// Catalog has syft find the packages among the files that r finds, and how they
// relate to each other and to files. r answers as syft's own resolver of squashed
// images. What is known already is taken from m, which may be nil.
func Catalog(ctx context.Context, r file.Resolver, src Source, m *Memory) (*Catalogue, error) {
	described, err := describe(src)
	if err != nil {
		return nil, err
	}
	c := &Catalogue{source: src, description: described.Describe()}
	if c.sections, err = catalog(ctx, r, described, src, m); err != nil {
		return nil, err
	}
	executables, err := r.FilesByMIMEType(executableKinds()...)
	if err != nil {
		return nil, fmt.Errorf("list executables: %w", err)
	}
	c.executables = make(map[file.Coordinates]bool, len(executables))
	for _, l := range executables {
		c.executables[l.Coordinates] = true
	}
	return c, nil
}

func catalog(ctx context.Context, r file.Resolver, described source.Source, src Source, m *Memory) (*sections, error) {
	known := m.recollect(src)
	survey := newSurvey(&watched{Resolver: r, ctx: ctx}, src.diffIDs(), known)
	s, err := create(ctx, described, survey)
	if err != nil {
		return nil, err
	}
	var beside sync.WaitGroup
	// That it cannot be kept costs the next time, not this one.
	beside.Go(func() { _ = known.remember(ctx, survey.finds) })
	out, err := encodeSections(ctx, s, survey)
	beside.Wait()
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("catalog packages: %w", context.Cause(ctx))
	}
	return out, nil
}

// Catalogers are the names of syft's catalogers that ran, sorted.
func (c *Catalogue) Catalogers() []string { return c.sections.Catalogers }

func (s Source) diffIDs() []string {
	ids := make([]string, 0, len(s.Layers))
	for _, l := range s.Layers {
		ids = append(ids, l.DiffID)
	}
	return ids
}
