package importserver

import "github.com/tidepole/tidepole/formats/reference"

// Fits tells whether a login may be stored under a name, and is for an image.
func Fits(name string, r reference.Reference) (stored, used bool) {
	name = canonicalRegistry(name)
	return registryPattern.MatchString(name), covers(name, r)
}
