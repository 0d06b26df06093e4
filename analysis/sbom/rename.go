package sbom

import (
	"slices"

	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/file"
)

// A layer that was built anew has another name, even if all that cataloguing asks
// of it is as before. What was found is then the same but for that name.

// names are what layers were called when answers were digested, by what they are
// called now. A nil one changes nothing.
type names map[string]string

func namesOf(layers, called []string) names {
	n := names{}
	for i, id := range layers {
		n[id] = called[i]
	}
	for _, id := range called {
		if _, known := n[id]; !known {
			n[id] = "" // is another layer's name now
		}
	}
	return n
}

func (n names) of(layer string) string {
	if called, ok := n[layer]; ok {
		return called
	}
	return layer
}

// renames are the new names of an image's layers, by their old ones, where they
// differ: none, unless each layer stands where it stood, and unless what was
// found depends on no more than places in them.
func renames(from, to, bound []string) map[string]string {
	if len(from) != len(to) {
		return nil
	}
	renamed := map[string]string{}
	for i, id := range from {
		if id == to[i] {
			continue
		}
		if count(from, id) != 1 || count(to, to[i]) != 1 || slices.Contains(to, id) || slices.Contains(from, to[i]) || slices.Contains(bound, id) {
			return nil
		}
		renamed[id] = to[i]
	}
	return renamed
}

func count(in []string, text string) (n int) {
	for _, t := range in {
		if t == text {
			n++
		}
	}
	return n
}

func renameAll(list []string, renamed map[string]string) []string {
	out := slices.Clone(list)
	for i, id := range out {
		if now, ok := renamed[id]; ok {
			out[i] = now
		}
	}
	return out
}

func (t trace) renamed(renamed map[string]string) trace {
	t.layers = renameAll(t.layers, renamed)
	return t
}

// rename gives layers their new names.
func (f *finds) rename(renamed map[string]string) {
	if len(renamed) == 0 {
		return
	}
	f.trace = f.trace.renamed(renamed)
	f.layers = renameAll(f.layers, renamed)
	f.bound = renameAll(f.bound, renamed)
	for i := range f.unknowns {
		f.unknowns[i].At = moved(f.unknowns[i].At, renamed)
	}
	for i, r := range f.relations {
		f.relations[i].From, f.relations[i].To = movedEnd(r.From, renamed), movedEnd(r.To, renamed)
	}
}

func moved(at file.Coordinates, renamed map[string]string) file.Coordinates {
	if now, ok := renamed[at.FileSystemID]; ok {
		at.FileSystemID = now
	}
	return at
}

func movedEnd(end artifact.Identifiable, renamed map[string]string) artifact.Identifiable {
	if at, ok := end.(file.Coordinates); ok {
		return moved(at, renamed)
	}
	return end
}
