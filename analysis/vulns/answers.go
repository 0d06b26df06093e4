package vulns

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"github.com/anchore/grype/grype/distro"
	"github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/grype/grype/vulnerability"
	"github.com/anchore/syft/syft/cpe"
	syftpkg "github.com/anchore/syft/syft/pkg"
	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// maxAnswers bounds what a generation remembers: answers count one each, and one
// for everything that is in them. An answer without matches takes about 150
// bytes, a match about 1.5 KiB: 100 MiB at the most.
const maxAnswers = 64 << 10

// answers are what grype's matchers said of packages, those used last: a package
// that ten thousand images have is looked up once. They hold for one database,
// and so belong to a generation. For many goroutines.
type answers struct {
	mu    sync.Mutex
	known *simplelru.LRU[answerKey, answer]
	size  int
	max   int
}

// answerKey is a matcher, and all of a package that matchers look at.
type answerKey [sha256.Size]byte

// answer is what a matcher said of a package with that ID. Nothing in it is
// changed any more.
type answer struct {
	id      pkg.ID
	matches []match.Match
	ignore  []match.IgnoreFilter
}

func (a answer) size() int { return 1 + len(a.matches) + len(a.ignore) }

func newAnswers(most int) *answers {
	a := &answers{max: most}
	a.known, _ = simplelru.NewLRU(most, func(_ answerKey, old answer) { a.size -= old.size() })
	return a
}

func (a *answers) get(key answerKey) (answer, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.known.Get(key)
}

func (a *answers) put(key answerKey, found answer) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if found.size() > a.max/4 || a.known.Contains(key) {
		return
	}
	a.size += found.size()
	a.known.Add(key, found)
	for a.size > a.max {
		a.known.RemoveOldest()
	}
}

// remembering is a matcher that asks the database once for packages that are alike.
type remembering struct {
	match.Matcher
	answers *answers
}

// Match gives the matcher's own answer, about p.
func (r remembering) Match(vp vulnerability.Provider, p pkg.Package) ([]match.Match, []match.IgnoreFilter, error) {
	key, ok := keyOf(r.Type(), p)
	if !ok {
		return r.Matcher.Match(vp, p)
	}
	if known, ok := r.answers.get(key); ok {
		matches, ignore := known.about(p)
		return matches, ignore, nil
	}
	matches, ignore, err := r.Matcher.Match(vp, p)
	if err == nil && !slices.ContainsFunc(ignore, bound) {
		r.keep(key, p, matches, ignore)
	}
	return matches, ignore, err
}

// keep remembers an answer without the package that it was given about.
func (r remembering) keep(key answerKey, p pkg.Package, matches []match.Match, ignore []match.IgnoreFilter) {
	found := answer{id: p.ID}
	found.matches, found.ignore = answer{matches: matches, ignore: ignore, id: p.ID}.about(pkg.Package{ID: p.ID})
	r.answers.put(key, found)
}

// bound tells filters of which it is not known how they name a package.
func bound(f match.IgnoreFilter) bool {
	switch f.(type) {
	case match.IgnoreRule, match.IgnoreRelatedPackage:
		return false
	}
	return true
}

// about gives the answer about another package that is alike. Its lists are new,
// for grype merges into what it is given.
func (a answer) about(p pkg.Package) ([]match.Match, []match.IgnoreFilter) {
	matches := slices.Clone(a.matches)
	for i := range matches {
		m := &matches[i]
		m.Package = p
		m.Details = slices.Clone(m.Details)
		v := &m.Vulnerability
		v.Fix.Versions, v.Fix.Available = slices.Clone(v.Fix.Versions), slices.Clone(v.Fix.Available)
		v.CPEs, v.Advisories = slices.Clone(v.CPEs), slices.Clone(v.Advisories)
		v.RelatedVulnerabilities = slices.Clone(v.RelatedVulnerabilities)
	}
	ignore := slices.Clone(a.ignore)
	for i, f := range ignore {
		if related, ok := f.(match.IgnoreRelatedPackage); ok && related.RelatedPackageID == a.id {
			related.RelatedPackageID = p.ID
			ignore[i] = related
		}
	}
	return matches, ignore
}

// keyOf digests what a matcher may look at: all but the package's ID, its places,
// its licences and what it is related to. TestPackagesThatAreAlike fails when
// grype's packages have more.
func keyOf(m match.MatcherType, p pkg.Package) (answerKey, bool) {
	text, err := json.Marshal(struct {
		Matcher       match.MatcherType
		Name, Version string
		Language      syftpkg.Language
		Distro        *distro.Distro
		Type          syftpkg.Type
		CPEs          []cpe.CPE
		PURL          string
		Upstreams     []pkg.UpstreamPackage
		Kind          string
		Metadata      any
		Annotations   map[string][]string
	}{
		m, p.Name, p.Version, p.Language, p.Distro, p.Type, p.CPEs, p.PURL, p.Upstreams,
		fmt.Sprintf("%T", p.Metadata), p.Metadata, p.Annotations,
	})
	return sha256.Sum256(text), err == nil
}
