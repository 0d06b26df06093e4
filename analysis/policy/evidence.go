package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/policy"
)

// Part is a part of the evidence that a rule may need.
type Part string

// The parts. Each is there in full, or Evidence.Absent says why it is not.
const (
	Packages   Part = "packages"
	Files      Part = "files" // every path, not only those that packages own
	Secrets    Part = "secret searches"
	Contents   Part = "content searches"
	Retrieved  Part = "retrieved files"
	Dockerfile Part = "dockerfile" // given, or reconstructed
	Malware    Part = "malware scans"
)

// Limits of what is kept in memory. Beyond them a part counts as absent, and
// what was kept is still judged.
const (
	MaxFiles     = 3_000_000
	MaxRecords   = 3_000_000 // files that package databases list
	MaxPackages  = 500_000
	MaxMatches   = 200_000  // of each search
	MaxRetrieved = 32 << 20 // bytes, of all files together
)

// Evidence is what rules look at, besides vulnerabilities. It does not change
// once collected and may be used by several evaluations at once.
type Evidence struct {
	Facts bundle.Facts

	packages   []pkg
	packageIDs map[string]int
	files      []file            // by path, each once
	links      map[string]string // symbolic links to where they lead
	secrets    []match           // by path, then rule, then place
	contents   []match
	retrieved  map[string][]byte
	absent     map[Part]string
	passFiles  bool // no rule looks at files
}

// Absent says why a part is absent or not whole; false where it is whole.
func (e *Evidence) Absent(p Part) (why string, absent bool) {
	why, absent = e.absent[p]
	return why, absent
}

// lacks notes that a part is absent. The first reason stays.
func (e *Evidence) lacks(p Part, format string, args ...any) {
	if _, known := e.absent[p]; !known {
		e.absent[p] = fmt.Sprintf(format, args...)
	}
}

// noEvidence is the evidence of an image of which nothing is known.
func noEvidence() *Evidence {
	e := &Evidence{absent: map[Part]string{}, packageIDs: map[string]int{}, links: map[string]string{}, retrieved: map[string][]byte{}}
	for _, p := range []Part{Packages, Files, Secrets, Contents, Retrieved, Dockerfile} {
		e.lacks(p, "the evidence has no %s", p)
	}
	e.lacks(Malware, "the image was not scanned for malware")
	return e
}

// Collect reads from a bundle what rules look at: large parts once, as streams.
func Collect(ctx context.Context, b *bundle.Bundle) (*Evidence, error) {
	return collect(ctx, b, true)
}

// CollectFor reads what the rules of one policy look at. Files, of which an image has
// the most, are passed over where none of them does.
func CollectFor(ctx context.Context, b *bundle.Bundle, p policy.Policy) (*Evidence, error) {
	return collect(ctx, b, looksAtFiles(p))
}

func looksAtFiles(p policy.Policy) bool {
	for _, set := range p.RuleSets {
		for _, r := range set.Rules {
			if g, ok := gateNamed(r.Gate); ok && g.files {
				return true
			}
		}
	}
	return false
}

func collect(ctx context.Context, b *bundle.Bundle, files bool) (*Evidence, error) {
	e := noEvidence()
	e.passFiles = !files
	steps := []struct {
		part    Part
		kind    bundle.Kind
		collect func(context.Context, *bundle.Bundle) error
	}{
		{Dockerfile, bundle.ImageConfig, e.collectFacts},
		{Packages, bundle.Packages, e.collectDocument},
		{Secrets, bundle.SecretSearches, e.collectSecrets},
		{Contents, bundle.ContentSearches, e.collectContents},
		{Retrieved, bundle.FileContents, e.collectRetrieved},
	}
	for _, step := range steps {
		if _, ok := b.Part(step.kind); !ok {
			continue
		}
		delete(e.absent, step.part)
		if err := step.collect(ctx, b); err != nil {
			return nil, fmt.Errorf("collect evidence for policies: %s: %w", step.kind, err)
		}
	}
	return e, nil
}

// collectFacts reads the small parts; the syft document is read elsewhere, once.
func (e *Evidence) collectFacts(_ context.Context, b *bundle.Bundle) error {
	var small bundle.Bundle
	for _, p := range b.Parts() {
		if p.Kind != bundle.Packages {
			small.Put(p)
		}
	}
	facts, err := small.Facts()
	if err != nil {
		return err
	}
	e.Facts = facts
	if facts.DockerfileMode == "" && !hasRuntime(b) {
		e.lacks(Dockerfile, "no Dockerfile was given, and the image's configuration has neither history nor settings to reconstruct one from")
	}
	return nil
}

// hasRuntime tells whether the image's configuration has settings that a
// Dockerfile makes, be they empty. One made up for a bare SBOM has labels only.
func hasRuntime(b *bundle.Bundle) bool {
	var c struct {
		Config map[string]json.RawMessage `json:"config"`
	}
	data, err := b.ReadAll(bundle.ImageConfig, bundle.MaxConfig)
	if err != nil || json.Unmarshal(data, &c) != nil {
		return false
	}
	delete(c.Config, "Labels")
	return len(c.Config) > 0
}

// layerOrder is the place of each layer, by diff ID; the lowest is 1.
func (e *Evidence) layerOrder() map[string]int {
	order := map[string]int{}
	for i, l := range e.Facts.Layers {
		order[l.DiffID] = i + 1
	}
	return order
}

// pkg is the package of that id in the syft document.
func (e *Evidence) pkg(id string) (pkg, bool) {
	i, ok := e.packageIDs[id]
	if !ok {
		return pkg{}, false
	}
	return e.packages[i], true
}

// file is the file of that path, not following links.
func (e *Evidence) file(path string) (file, bool) {
	i, ok := slices.BinarySearchFunc(e.files, path, func(f file, p string) int { return compareText(f.path, p) })
	if !ok {
		return file{}, false
	}
	return e.files[i], true
}
