package analysis

import (
	"path"
	"regexp"
	"strings"

	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
)

// names are what an image is recorded as.
type names struct {
	tags     []string // full tags, or one "registry/repository@digest" where only that is known
	document string   // what the syft document calls it
}

// recordNames tells under which tags an image is recorded: the name given; else
// the one it was asked for by; for files and folders, the ones they give it;
// and where nobody names it, one below "localbuild".
func recordNames(req Request, id image.Identity, source string) (names, error) {
	if req.Name != "" {
		return givenName(req.Name, id)
	}
	if named, err := reference.Parse(req.Image.Reference); err == nil && !isFile(source) && !isID(req.Image.Reference, id.ID) {
		return namesOf(named, id), nil
	}
	tags := validTags(id.Tags)
	if len(tags) == 0 {
		tags = []string{localName(strings.TrimPrefix(req.Image.Reference, "sha256:"))}
	}
	return names{tags: tags, document: tags[0]}, nil
}

// validTags are the full tags among list.
func validTags(list []string) []string {
	var tags []string
	for _, t := range list {
		if r, err := reference.Parse(t); err == nil && r.Tag != "" {
			tags = append(tags, r.FullTag())
		}
	}
	return tags
}

func givenName(name string, id image.Identity) (names, error) {
	r, err := reference.Parse(name)
	if err != nil {
		return names{}, err
	}
	if r.Digest != "" && r.Digest != id.Digest && r.Digest != id.ParentDigest {
		return names{}, fault.New(fault.Invalid, "record the image as %s: its digest is %s", name, id.Digest)
	}
	return namesOf(r, id), nil
}

// namesOf is the full tag or, where only a digest was given, the repository with
// the image's own digest: that given may be the one of an index.
func namesOf(r reference.Reference, id image.Identity) names {
	name := r.FullTag()
	if name == "" {
		name = r.FullDigest(id.Digest)
	}
	return names{tags: []string{name}, document: name}
}

// isFile tells whether a source reads a file or a folder.
func isFile(source string) bool {
	return strings.HasSuffix(source, "-archive") || strings.HasSuffix(source, "-dir")
}

// shortID is the fewest digits by which daemons show an image's ID.
const shortID = 12

// isID tells whether an image was asked for by its configuration's digest or
// the start of it, which is no name.
func isID(ref, id string) bool {
	digits := strings.TrimPrefix(ref, "sha256:")
	return len(digits) >= shortID && strings.HasPrefix(strings.TrimPrefix(id, "sha256:"), digits)
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// localName is "localbuild/NAME:latest", NAME being the file's or the folder's
// without its extension.
func localName(ref string) string {
	base := strings.ToLower(path.Base(path.Clean(ref)))
	base, _, _ = strings.Cut(base, ":")
	for _, ext := range []string{".gz", ".tgz", ".zst", ".tar", ".json"} {
		base = strings.TrimSuffix(base, ext)
	}
	base = strings.Trim(notInNames.ReplaceAllString(base, "-"), "-")
	if len(base) > 128 {
		base = strings.Trim(base[:128], "-")
	}
	if base == "" {
		base = "image"
	}
	return "localbuild/" + base + ":latest"
}
