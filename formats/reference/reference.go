// Package reference reads the names by which images are called and recorded.
//
// The rules are the Anchore API's: docker.io when no registry is named, the tag
// latest when neither tag nor digest is, and no "library/" put in. What a
// registry is asked for is the business of whoever asks it.
package reference

import (
	"regexp"
	"strings"

	"github.com/tidepole/tidepole/formats/fault"
)

// Reference is an image's name in parts.
type Reference struct {
	Registry   string // host with optional port, as in "localhost:5000"
	Repository string // path below the registry, as in "library/alpine"
	Tag        string // empty where only a digest was given
	Digest     string // "sha256:<64 hex>", or empty
}

// MaxLength bounds a reference's text, in bytes.
const MaxLength = 1024

var (
	digestPattern     = regexp.MustCompile(`^sha256:[a-f0-9]{64}$`)
	tagPattern        = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}$`)
	registryPattern   = regexp.MustCompile(`^(?:[a-zA-Z0-9](?:[a-zA-Z0-9_.-]*[a-zA-Z0-9])?|\[[a-fA-F0-9:]+\])(?::[0-9]{1,5})?$`)
	repositoryPattern = regexp.MustCompile(`^[a-zA-Z0-9]+(?:(?:[._]|__|-+)[a-zA-Z0-9]+)*(?:/[a-zA-Z0-9]+(?:(?:[._]|__|-+)[a-zA-Z0-9]+)*)*$`)
)

// IsDigest tells whether s is a whole sha256 digest.
func IsDigest(s string) bool { return digestPattern.MatchString(s) }

// Canonical is a digest in lower case, which people and clients may write in capitals.
// What begins otherwise stays as it is.
func Canonical(digest string) string {
	if digits, ok := strings.CutPrefix(digest, "sha256:"); ok {
		return "sha256:" + strings.ToLower(digits)
	}
	return digest
}

// Parse reads "[registry/]repository[:tag][@digest]".
// Errors are fault.Invalid.
func Parse(s string) (Reference, error) {
	var r Reference
	if len(s) > MaxLength {
		return r, fault.New(fault.Invalid, "image reference of %d bytes is longer than %d", len(s), MaxLength)
	}
	rest := s
	if i := strings.IndexByte(rest, '@'); i >= 0 {
		r.Digest, rest = Canonical(rest[i+1:]), rest[:i]
		if !IsDigest(r.Digest) {
			return Reference{}, invalid(s, "its digest is not sha256: and 64 hex digits")
		}
	}
	if first, path, ok := strings.Cut(rest, "/"); ok && isRegistry(first) {
		r.Registry, rest = first, path
	} else {
		r.Registry = "docker.io"
	}
	if i := strings.LastIndexByte(rest, ':'); i >= 0 {
		r.Tag, rest = rest[i+1:], rest[:i]
		if !tagPattern.MatchString(r.Tag) {
			return Reference{}, invalid(s, "its tag is not 1 to 128 letters, digits, '_', '.' or '-'")
		}
	} else if r.Digest == "" {
		r.Tag = "latest"
	}
	r.Repository = rest
	if r.Registry == "index.docker.io" || r.Registry == "registry-1.docker.io" {
		r.Registry = "docker.io"
	}
	if !registryPattern.MatchString(r.Registry) {
		return Reference{}, invalid(s, "its registry is not a host name")
	}
	if !repositoryPattern.MatchString(r.Repository) {
		return Reference{}, invalid(s, "its repository is not a path of letters, digits and single separators")
	}
	if n := len(r.String()); n > MaxLength { // with what was left away
		return Reference{}, fault.New(fault.Invalid, "image reference of %d bytes is longer than %d", n, MaxLength)
	}
	return r, nil
}

func invalid(s, why string) error {
	return fault.New(fault.Invalid, "%q is not an image reference: %s", s, why).
		WithHint("write it as [registry/]repository[:tag][@sha256:digest]")
}

// isRegistry tells a registry from the first folder of a repository.
func isRegistry(s string) bool {
	switch s {
	case "localhost", "localbuild":
		return true
	}
	return strings.ContainsAny(s, ".:")
}

// Check refuses what no registry can have: a repository in capitals. Parse takes it,
// for imports may have been recorded under such names.
func (r Reference) Check() error {
	small := strings.ToLower(r.Repository)
	if small == r.Repository {
		return nil
	}
	proposed := r
	proposed.Repository = small
	return fault.New(fault.Invalid, "%q is not an image reference: its repository has capitals, and no registry can have such a one", r).
		WithHint("write it as %s", proposed)
}

// FullTag is "registry/repository:tag", the name under which the server records
// an image. It is empty where there is no tag.
func (r Reference) FullTag() string {
	if r.Tag == "" {
		return ""
	}
	return r.Registry + "/" + r.Repository + ":" + r.Tag
}

// Name is "registry/repository".
func (r Reference) Name() string { return r.Registry + "/" + r.Repository }

// FullDigest is "registry/repository@digest", with the digest given.
func (r Reference) FullDigest(digest string) string { return r.Name() + "@" + digest }

// String is the whole reference, registry included.
func (r Reference) String() string {
	s := r.Name()
	if r.Tag != "" {
		s += ":" + r.Tag
	}
	if r.Digest != "" {
		s += "@" + r.Digest
	}
	return s
}
