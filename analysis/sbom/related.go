package sbom

import (
	"encoding/json"
	"path"
	"slices"

	"github.com/anchore/syft/syft/file"
)

// lookedInto is a resolver that knows what was found out of executables.
type lookedInto interface {
	Executable(file.Location) (Finding, bool)
}

// imports are what relations of executables follow from.
type imports struct {
	HasExports        bool     `json:"hasExports"`
	ImportedLibraries []string `json:"importedLibraries"`
}

// related are those executables that packages which binaries tell of in notes can
// be related by: these binaries, and the libraries of the names they ask for. syft
// looks into each that it is given once more.
func (w *watched) related(all []file.Location) []file.Location {
	known, ok := w.Resolver.(lookedInto)
	if !ok {
		return all
	}
	wanted := map[string]bool{} // base names of libraries
	found := make([]imports, len(all))
	for i, l := range all {
		f, ok := known.Executable(l)
		if !ok || f.JSON != nil && json.Unmarshal(f.JSON, &found[i]) != nil {
			return all
		}
		if _, noted := w.noted.Load(l.Coordinates); !noted {
			continue
		}
		for _, library := range found[i].ImportedLibraries {
			places, err := w.FilesByGlob("**/" + path.Base(library))
			if err != nil {
				return all
			}
			for _, at := range places {
				wanted[path.Base(at.FullNestedPath())] = true
			}
		}
	}
	var list []file.Location
	for i, l := range all {
		_, noted := w.noted.Load(l.Coordinates)
		if noted || found[i].HasExports && wanted[path.Base(l.FullNestedPath())] {
			list = append(list, l)
		}
	}
	return list
}

// libraries are the identities of those executables that packages can be related by.
func (w *watched) libraries() map[uint64]bool {
	found, err := w.FilesByMIMEType(slices.Concat(executableKinds(), []string{executablesForRelations})...)
	if err != nil { // syft meets it, too, and fails
		return nil
	}
	all := map[uint64]bool{}
	for _, l := range found {
		all[uint64(identity(l.Coordinates))] = true
	}
	return all
}
