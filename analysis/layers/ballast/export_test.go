package ballast

import (
	"maps"
	"slices"
)

// Extensions are all that are ballast, with their dots.
func Extensions() []string { return slices.Sorted(maps.Keys(extensions)) }
