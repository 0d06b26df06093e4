package vulns

import (
	"fmt"
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

// problems are packages that a matcher could not compare. Grype goes on
// without them, and tells only its log.
type problems struct {
	count int
	first []string
}

// maxProblems is how many problems are told one by one.
const maxProblems = 5

// newMatchers are all of grype's, for one run: problems is filled during it.
func newMatchers() ([]match.Matcher, *problems) {
	var p problems
	matchers := matcher.NewDefaultMatchers(matcherConfig())
	for i, m := range matchers {
		matchers[i] = reporting{Matcher: m, problems: &p}
	}
	return matchers, &p
}

// reporting is a matcher that notes its errors.
type reporting struct {
	match.Matcher
	problems *problems
}

func (r reporting) Match(vp vulnerability.Provider, p pkg.Package) ([]match.Match, []match.IgnoreFilter, error) {
	matches, ignore, err := r.Matcher.Match(vp, p)
	if err != nil {
		r.problems.count++
		if len(r.problems.first) < maxProblems {
			r.problems.first = append(r.problems.first, fmt.Sprintf("%s %s: %v", p.Name, p.Version, err))
		}
	}
	return matches, ignore, err
}

func (p *problems) notes() []string {
	if p.count == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d packages could not be compared in full: %s", p.count, strings.Join(p.first, "; "))}
}
