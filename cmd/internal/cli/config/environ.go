package config

import (
	"slices"
	"strings"
)

// testPrefix begins the names of variables that steer tests; they are no settings.
const testPrefix = Prefix + "TEST_"

// Unknown is a variable that is called as a setting would be and is none.
type Unknown struct {
	Name string
	Near string // the setting that may have been meant, or ""
}

// UnknownEnv are the variables of an environment, given as NAME=VALUE, that are
// none of known.
func UnknownEnv(environ, known []string) []Unknown {
	var unknown []Unknown
	for _, v := range environ {
		name, _, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, Prefix) || strings.HasPrefix(name, testPrefix) || slices.Contains(known, name) {
			continue
		}
		near := nearest(strings.TrimPrefix(name, Prefix), trimmed(known))
		if near != "" {
			near = Prefix + near
		}
		unknown = append(unknown, Unknown{name, near})
	}
	slices.SortFunc(unknown, func(a, b Unknown) int { return strings.Compare(a.Name, b.Name) })
	return unknown
}

func trimmed(names []string) []string {
	var short []string
	for _, n := range names {
		if s, ok := strings.CutPrefix(n, Prefix); ok {
			short = append(short, s)
		}
	}
	return short
}
