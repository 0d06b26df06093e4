package analysis

import "github.com/tidepole/tidepole/analysis/image"

// RecordNames are the tags that an image is recorded under.
func RecordNames(req Request, id image.Identity, source string) ([]string, error) {
	n, err := recordNames(req, id, source)
	return n.tags, err
}
