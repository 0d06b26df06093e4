package image

import (
	"os"
	"slices"
	"strings"

	"github.com/tidepole/tidepole/formats/reference"
)

// splitPath splits "PATH[:NAME]". The whole is the path where it exists.
func splitPath(s string) (path, name string) {
	if _, err := os.Lstat(s); err == nil {
		return s, ""
	}
	for i := range len(s) {
		if s[i] != ':' || i == 0 {
			continue
		}
		if _, err := os.Lstat(s[:i]); err == nil {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// sameReference tells whether two names are the same image's: "alpine" is
// "docker.io/library/alpine:latest".
func sameReference(a, b string) bool {
	x, err := parseCanonical(a)
	if err != nil {
		return false
	}
	y, err := parseCanonical(b)
	return err == nil && x == y
}

// parseCanonical parses a reference and leaves out Docker Hub's "library/".
func parseCanonical(s string) (reference.Reference, error) {
	r, err := reference.Parse(s)
	if r.Registry == "docker.io" {
		r.Repository = strings.TrimPrefix(r.Repository, "library/")
	}
	return r, err
}

// fullTags are names as full tags; what is no image's name is left out.
func fullTags(names []string) []string {
	var tags []string
	for _, name := range names {
		r, err := reference.Parse(name)
		if err != nil || !strings.ContainsAny(name, "/:") {
			continue
		}
		if tag := r.FullTag(); tag != "" && !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	return tags
}
