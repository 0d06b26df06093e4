package sbom

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/cataloging"
	"github.com/anchore/syft/syft/cataloging/filecataloging"
	"github.com/anchore/syft/syft/cataloging/pkgcataloging"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/file/cataloger/executable"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"
	"github.com/anchore/syft/syft/source"
	_ "github.com/glebarez/go-sqlite" // syft reads RPM databases through a driver named sqlite
)

// patience is how long catalogers are waited for once the context has ended:
// they fail as soon as they want to read a file.
const patience = 5 * time.Second

// create runs syft where its end can be waited for: left to itself it returns
// when ctx ends, and its catalogers go on reading.
func create(ctx context.Context, src source.Source, survey *survey) (*sbom.SBOM, error) {
	type result struct {
		sbom *sbom.SBOM
		err  error
	}
	done := make(chan result, 1)
	go func() {
		s, err := createSBOM(ctx, subject{src, survey.watched}, survey)
		done <- result{s, err}
	}()
	select {
	case r := <-done:
		if ctx.Err() != nil {
			return nil, fmt.Errorf("catalog packages: %w", context.Cause(ctx))
		}
		return r.sbom, r.err
	case <-ctx.Done():
	}
	select {
	case <-done:
	case <-time.After(patience):
	}
	return nil, fmt.Errorf("catalog packages: %w", context.Cause(ctx))
}

func createSBOM(ctx context.Context, src source.Source, survey *survey) (s *sbom.SBOM, err error) {
	defer func() {
		if p := recover(); p != nil {
			s, err = nil, fmt.Errorf("catalog packages: panic: %v", p)
		}
	}()
	shared, err := licences()
	if err != nil {
		return nil, err
	}
	inner := withValues{context.WithoutCancel(ctx), shared}
	s, err = syft.CreateSBOM(inner, src, packagesOnly(survey))
	if err != nil {
		return nil, fmt.Errorf("catalog packages: %w", err)
	}
	return s, nil
}

// fileCatalogers are what syft calls the facts about files that the layers'
// records hold.
var fileCatalogers = []string{
	"file-content-cataloger", "file-digest-cataloger", "file-executable-cataloger", "file-metadata-cataloger",
}

// packagesOnly is syft's own configuration for images, without the facts about
// files, and without the relationships of packages to the files they own, which
// ownership finds. Its catalogers are surveyed.
//
// One of these is still needed where there are packages that binaries tell of in
// notes: what they depend on is found by the libraries that executables ask for.
// With this selection syft looks at executables after the packages, when it is
// known whether there are such notes.
//
// Contents lie in memory or in the page cache, so that more catalogers at once
// than there are cores would only take more memory.
func packagesOnly(survey *survey) *syft.CreateSBOMConfig {
	executables := executable.DefaultConfig()
	executables.MIMETypes = append(executables.MIMETypes, executablesForRelations)
	files := filecataloging.DefaultConfig().WithSelection(file.FilesOwnedByPackageSelection).WithHashers()
	files.Executable = executables
	without := []string{"file-metadata-cataloger", "file-digest-cataloger"}
	var with []pkgcataloging.CatalogerReference
	all := ofImages()
	survey.running = len(all)
	for _, c := range all {
		without = append(without, c.Name())
		with = append(with, pkgcataloging.NewAlwaysEnabledCatalogerReference(surveyed{c, survey}))
	}
	return syft.DefaultCreateSBOMConfig().
		WithParallelism(max(2, runtime.GOMAXPROCS(0))).
		WithFilesConfig(files).
		WithRelationshipsConfig(cataloging.DefaultRelationshipsConfig().WithPackageFileOwnership(false)).
		WithDataGenerationConfig(withoutDetails()).
		WithCatalogerSelection(cataloging.NewSelectionRequest().WithRemovals(without...)).
		WithCatalogers(with...)
}

// storeOnly shows a cataloger that goes through all files those in Nix stores
// only: it leaves out all others.
type storeOnly struct{ pkg.Cataloger }

// Catalog is the cataloger's own.
func (s storeOnly) Catalog(ctx context.Context, r file.Resolver) ([]pkg.Package, []artifact.Relationship, error) {
	if w, ok := r.(*watched); ok {
		r = storeView{w}
	}
	return s.Cataloger.Catalog(ctx, r)
}

type storeView struct{ *watched }

// AllLocations gives what lies in Nix stores.
func (v storeView) AllLocations(ctx context.Context) <-chan file.Location {
	return v.watched.inStores(ctx)
}

// catalogers are the names of syft's catalogers that ran, sorted.
func catalogers(s *sbom.SBOM) []string {
	var trail struct {
		Catalogers struct {
			Used []string `json:"used"`
		} `json:"catalogers"`
	}
	data, err := json.Marshal(s.Descriptor.Configuration)
	if err != nil || json.Unmarshal(data, &trail) != nil {
		return nil
	}
	all := append(trail.Catalogers.Used, fileCatalogers...)
	slices.Sort(all)
	return slices.Compact(all)
}

// withValues is a context that has the values of another one, too.
type withValues struct {
	context.Context
	more context.Context
}

// Value asks the context first.
func (c withValues) Value(key any) any {
	if v := c.Context.Value(key); v != nil {
		return v
	}
	return c.more.Value(key)
}
