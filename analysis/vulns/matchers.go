package vulns

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/anchore/grype/grype/distro"
	"github.com/anchore/grype/grype/match"
	"github.com/anchore/grype/grype/matcher"
	"github.com/anchore/grype/grype/matcher/dpkg"
	"github.com/anchore/grype/grype/matcher/rpm"
	"github.com/anchore/grype/grype/matcher/stock"
	"github.com/anchore/grype/grype/pkg"
	"github.com/anchore/grype/grype/version"
	"github.com/anchore/grype/grype/vulnerability"
	syftpkg "github.com/anchore/syft/syft/pkg"
)

// The settings below are the defaults of the grype command, which are in its
// cmd/grype/cli and not in its library. TestEqualsGrype fails when they part.

func matcherConfig() matcher.Config {
	return matcher.Config{
		Stock: stock.MatcherConfig{UseCPEs: true},
		Dpkg:  dpkg.MatcherConfig{MissingEpochStrategy: version.MissingEpochStrategyZero},
		Rpm:   rpm.MatcherConfig{MissingEpochStrategy: version.MissingEpochStrategyAuto},
	}
}

// ignoreRules set aside the kernel's vulnerabilities where only its headers
// are installed.
var ignoreRules = []match.IgnoreRule{
	headers(syftpkg.RpmPkg, "kernel-headers", "kernel"),
	headers(syftpkg.DebPkg, "linux(-.*)?-headers-.*", "linux.*"),
	headers(syftpkg.DebPkg, "linux-libc-dev", "linux"),
	headers(syftpkg.DebPkg, "linux-kbuild-.*", "linux.*"),
}

func headers(kind syftpkg.Type, name, upstream string) match.IgnoreRule {
	return match.IgnoreRule{
		Package:   match.IgnoreRulePackage{Name: name, UpstreamName: upstream, Type: string(kind)},
		MatchType: match.ExactIndirectMatch,
	}
}

func providerConfig() pkg.ProviderConfig {
	return pkg.ProviderConfig{SynthesisConfig: pkg.SynthesisConfig{
		Distro: pkg.DistroConfig{FixChannels: distro.DefaultFixChannels()},
	}}
}

// ofDistro tells packages that can only be matched when their distribution is known.
func ofDistro(p pkg.Package) bool {
	return slices.Contains([]syftpkg.Type{syftpkg.AlpmPkg, syftpkg.ApkPkg, syftpkg.DebPkg, syftpkg.RpmPkg, syftpkg.KbPkg}, p.Type)
}

// maxMatches is how many matches there may be in one run: each takes some 2 KiB before
// it is a report and 4 KiB in it. Packages that somebody made up could have any number:
// a kernel alone has thousands. What ignoreRules set aside is in no report and counts for
// a quarter: an image with the headers of many kernels has more of that than of all else.
var maxMatches = 100_000

const setAside = 4 // such matches count for one

// problems are what a run of matchers met with: packages that a matcher could not
// compare, without which grype goes on and tells only its log, and too many matches.
type problems struct {
	failed   int
	first    []string
	said     map[pkg.ID]bool // the packages that a matcher had something to say of, be it that it could not
	quarters int             // of matches, as maxMatches counts them
}

// maxProblems is how many problems are told one by one.
const maxProblems = 5

// newMatchers are all of grype's, for one run: problems is filled during it. What
// they find is taken from known where it is there, and kept in it.
func newMatchers(known *answers) ([]match.Matcher, *problems) {
	p := problems{said: map[pkg.ID]bool{}}
	matchers := matcher.NewDefaultMatchers(matcherConfig())
	for i, m := range matchers {
		matchers[i] = reporting{Matcher: remembering{m, known}, problems: &p}
	}
	return matchers, &p
}

// reporting is a matcher that notes its errors, and ends the run after too many matches.
type reporting struct {
	match.Matcher
	problems *problems
}

func (r reporting) Match(vp vulnerability.Provider, p pkg.Package) ([]match.Match, []match.IgnoreFilter, error) {
	matches, ignore, err := r.Matcher.Match(vp, p)
	if err != nil || len(matches) > 0 || len(ignore) > 0 {
		r.problems.said[p.ID] = true
	}
	if r.problems.count(p, len(matches)); r.problems.tooMany() {
		return nil, nil, match.NewFatalError(r.Type(), errors.New("too many matches"))
	}
	if err != nil {
		r.problems.failed++
		if len(r.problems.first) < maxProblems {
			r.problems.first = append(r.problems.first, fmt.Sprintf("%s %s: %v", p.Name, p.Version, err))
		}
	}
	return matches, ignore, err
}

func (p *problems) count(of pkg.Package, matches int) {
	if !slices.ContainsFunc(aside, func(name *regexp.Regexp) bool { return name.MatchString(of.Name) }) {
		matches *= setAside
	}
	p.quarters += matches
}

// aside are the names of packages whose matches ignoreRules set aside.
var aside = func() (all []*regexp.Regexp) {
	for _, r := range ignoreRules {
		all = append(all, regexp.MustCompile(`^(?:`+r.Package.Name+`)$`))
	}
	return all
}()

func (p *problems) tooMany() bool { return p.quarters > maxMatches*setAside }

func (p *problems) notes() []string {
	if p.failed == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d packages could not be compared in full: %s", p.failed, strings.Join(p.first, "; "))}
}
