package image

import (
	"runtime"
	"slices"
	"strings"

	"github.com/containerd/platforms"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/tidepole/tidepole/formats/fault"
)

// platform is what the user wants to run the image on.
type platform struct {
	v1.Platform
	asked   bool // the user named it
	variant bool // the user named a variant
}

// parsePlatform reads os/arch[/variant]; "" is linux on this machine.
func parsePlatform(s string) (platform, error) {
	if s == "" {
		return platform{Platform: normal(v1.Platform{OS: "linux", Architecture: runtime.GOARCH})}, nil
	}
	parts := strings.Split(s, "/")
	if len(parts) < 2 || len(parts) > 3 || slices.Contains(parts, "") {
		return platform{}, fault.New(fault.Invalid, "%q is not a platform", printable(s)).
			WithHint("write it as os/arch[/variant], as in linux/arm64")
	}
	p := v1.Platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	return platform{Platform: normal(p), asked: true, variant: len(parts) == 3}, nil
}

// matches tells whether an image for have is what is wanted. Any variant will do
// where none was asked for.
func (p platform) matches(have v1.Platform) bool {
	have = normal(have)
	return have.OS == p.OS && have.Architecture == p.Architecture &&
		(!p.variant || have.Variant == p.Variant)
}

// best is the index of the platform that suits best, or -1.
func (p platform) best(have []v1.Platform) int {
	exact := slices.IndexFunc(have, func(h v1.Platform) bool {
		return p.matches(h) && normal(h).Variant == p.Variant
	})
	if exact >= 0 {
		return exact
	}
	return slices.IndexFunc(have, p.matches)
}

// wrong says that the image is not for the platform wanted, and for which it is.
func (p platform) wrong(have []v1.Platform) error {
	return fault.New(fault.Invalid, "it is not for %s but for %s", platformName(p.Platform), platformNames(have)).
		WithHint("choose one of them as platform")
}

// platformNames lists platforms, each once, and not more than a line takes.
func platformNames(have []v1.Platform) string {
	var names []string
	for _, p := range have {
		if name := platformName(p); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return list(names)
}

// platformName is os/arch[/variant].
func platformName(p v1.Platform) string {
	p = normal(p)
	name := p.OS + "/" + p.Architecture
	if p.OS == "" && p.Architecture == "" {
		name = "an unnamed platform"
	}
	if p.Variant != "" {
		name += "/" + p.Variant
	}
	return printable(name)
}

// list joins names, and counts those that are too many to show.
func list(names []string) string {
	const most = 20
	if len(names) == 0 {
		return "none"
	}
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + ", …"
}

// normal spells a platform in the one way that can be compared.
func normal(p v1.Platform) v1.Platform {
	if p.OS == "" {
		return p // there is nothing to spell; the library would put in this machine's
	}
	n := platforms.Normalize(ocispec.Platform{OS: p.OS, Architecture: p.Architecture, Variant: p.Variant})
	return v1.Platform{OS: n.OS, Architecture: n.Architecture, Variant: n.Variant}
}
