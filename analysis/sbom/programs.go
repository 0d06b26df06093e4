package sbom

import (
	"context"
	"slices"
	"sync/atomic"

	gosync "github.com/anchore/go-sync"
	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/cataloging"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/pkg"
)

// Some of syft's catalogers look into executables one by one, and find in each what
// they would find if it were the only one. So they run for each alone, and what they
// found in it is remembered by itself: of a further program only that is new.

// eachAlone are these catalogers, by name.
var eachAlone = map[string]bool{
	"cargo-auditable-binary-cataloger": true,
	"go-module-binary-cataloger":       true,
}

// maxAlone is how many executables a cataloger runs for one by one. Each takes an
// entry of its own in what is remembered, with all that was asked for it.
const maxAlone = 256

// alone are the executables that the cataloger is to run for one by one; none where
// it is to run for all of them at once.
func (c surveyed) alone() []file.Location {
	if !eachAlone[c.Name()] || c.survey.memory == nil {
		return nil
	}
	found, err := findKinds(c.survey.watched.Resolver, slices.Concat(executableKinds(), []string{leftOut + c.Name()})...)
	if err != nil || len(found) > maxAlone {
		return nil
	}
	return found
}

// catalogEach runs the cataloger for one executable after the other, as many at once
// as syft has it look into files.
func (c surveyed) catalogEach(ctx context.Context, list []file.Location) (packages []pkg.Package, relations []artifact.Relationship, err error) {
	type found struct {
		packages  []pkg.Package
		relations []artifact.Relationship
	}
	var size atomic.Int64
	err = gosync.Collect(&ctx, cataloging.ExecutorFile, slices.Values(list), func(l file.Location) (f found, err error) {
		f.packages, f.relations, err = c.catalog(ctx, &l, &size)
		return f, err
	}, func(_ file.Location, f found) {
		packages = append(packages, f.packages...)
		relations = append(relations, f.relations...)
	})
	return packages, relations, err
}

// part is the name of what the cataloger finds, of the whole image or of an executable
// alone, in what is remembered.
func (c surveyed) part(only *file.Location) string {
	if only == nil {
		return c.Name()
	}
	return c.Name() + " " + only.RealPath
}

// theOnly answers that there is no executable but one: that lies at its path.
func (w *watched) theOnly() ([]file.Location, error) {
	at, err := w.FilesByPath(w.only.RealPath)
	if err != nil || len(at) != 1 || at[0].Coordinates != w.only.Coordinates {
		w.seen.spoil()
	}
	return []file.Location{*w.only}, nil
}
