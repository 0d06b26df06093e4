package vulns

import (
	"fmt"
	"strings"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/grype/grype/distro"
	"github.com/anchore/grype/grype/pkg"
	syftpkg "github.com/anchore/syft/syft/pkg"
	lru "github.com/hashicorp/golang-lru/v2"
)

// maxDistros bounds the distributions that a generation remembers: documents are
// strangers', and may name any number.
const maxDistros = 256

// distros are what is wrong with the distributions asked for last, by name, version and
// codename; "" where the database has records of them.
type distros = lru.Cache[[3]string, string]

func newDistros(most int) *distros {
	d, _ := lru.New[[3]string, string](most)
	return d
}

// distroNotes says what cannot be matched for want of a distribution that the database
// knows, and of which packages that is so.
func (g *generation) distroNotes(p some) (notes []string, unknown map[pkg.ID]bool, err error) {
	if p.where.DistroDetectionFailed {
		notes = append(notes, "the distribution is unknown to grype: vulnerabilities of its packages may be missing")
	}
	unknown, told := map[pkg.ID]bool{}, map[string]bool{}
	for _, one := range p.packages {
		why, err := g.unlisted(one)
		if err != nil {
			return nil, nil, err
		}
		if why == "" {
			continue
		}
		unknown[one.ID] = true
		if !told[why] && !p.where.DistroDetectionFailed {
			told[why] = true
			notes = append(notes, why+": vulnerabilities of its packages may be missing")
		}
	}
	return notes, unknown, nil
}

// unlisted says why a package's vulnerabilities cannot be known; "" where they can.
func (g *generation) unlisted(p pkg.Package) (string, error) {
	switch {
	case !ofDistro(p):
		return "", nil
	case p.Distro == nil:
		return "the image does not name its distribution", nil
	case p.Type == syftpkg.KbPkg: // is looked up by its product's name
		return "", nil
	}
	d := *p.Distro
	key := [3]string{d.Name(), d.Version, d.Codename}
	if why, ok := g.distros.Get(key); ok {
		return why, nil
	}
	why, err := g.lookUpDistro(d)
	if err != nil {
		return "", fmt.Errorf("look up the distribution %.100q in the vulnerability database: %w", d.String(), err)
	}
	g.distros.Add(key, why)
	return why, nil
}

// lookUpDistro has grype find a distribution's records, under the name that it knows them
// by. Where there are none of a release, grype takes those of every release with the same
// first number, unless there are some that hold for all of these: what was fixed in others
// tells little of this one.
func (g *generation) lookUpDistro(d distro.Distro) (string, error) {
	of := v6.OSSpecifier{
		Name: d.Name(), MajorVersion: d.MajorVersion(), MinorVersion: d.MinorVersion(),
		RemainingVersion: d.RemainingVersion(), LabelVersion: d.LabelVersion(), DisableFallback: true,
	}
	exact, err := g.reader.GetOperatingSystems(of)
	if err != nil || len(exact) > 0 {
		return "", err
	}
	of.DisableFallback = false
	near, err := g.reader.GetOperatingSystems(of)
	if err != nil {
		return "", err
	}
	for _, os := range near {
		if os.MinorVersion == "" {
			return "", nil
		}
	}
	why := fmt.Sprintf("the vulnerability database has no records of %.100s", strings.TrimSpace(d.String()))
	if len(near) > 0 {
		why += ", only of other releases"
	}
	return why, nil
}
