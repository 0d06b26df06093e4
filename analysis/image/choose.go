package image

import (
	"bytes"
	"context"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tidepole/tidepole/formats/fault"
)

// Indexes may list indexes, and images without a word on their platforms. These
// bound how deep and how many are looked into.
const (
	maxDepth   = 4
	maxIndexes = 64
	maxUnnamed = 64
	maxImages  = 1000
)

// candidate is one image that an index leads to.
type candidate struct {
	v1.Descriptor
	parent *document // the outermost index that lists it, or nil
	entry  int       // which entry of the topmost index led here
}

// gatherer collects the images that an index leads to.
type gatherer struct {
	open    opener
	limits  Limits
	indexes int
	missed  error // why an index could not be followed
	found   []candidate
}

// gather collects the images below index. parent is the document that each of
// them was chosen from; where it is nil, it is the first index met on the way.
func gather(ctx context.Context, open opener, limits Limits, index *v1.IndexManifest, parent *document) ([]candidate, error) {
	g := gatherer{open: open, limits: limits}
	for i, d := range index.Manifests {
		if err := g.follow(ctx, d, candidate{parent: parent, entry: i}, 1); err != nil {
			return nil, err
		}
	}
	if len(g.found) == 0 && g.missed != nil {
		return nil, g.missed
	}
	return g.found, nil
}

// follow adds what d leads to. An index that cannot be read is passed over: a
// store may list more than it holds.
func (g *gatherer) follow(ctx context.Context, d v1.Descriptor, from candidate, depth int) error {
	if isAttestation(d) {
		return nil
	}
	if !d.MediaType.IsIndex() {
		if d.MediaType.IsImage() || d.MediaType == "" {
			from.Descriptor = d
			g.found = append(g.found, from)
		}
		if len(g.found) > maxImages {
			return fault.New(fault.TooLarge, "its index leads to more than %d images", maxImages)
		}
		return nil
	}
	if g.indexes++; depth > maxDepth || g.indexes > maxIndexes {
		return fault.New(fault.TooLarge, "its indexes lead to more than %d others, or deeper than %d", maxIndexes, maxDepth)
	}
	doc, err := fetchDocument(ctx, g.open, d, g.limits)
	if fault.Of(err) == fault.NotFound {
		g.missed = err
		return nil
	}
	if err != nil {
		return err
	}
	index, err := doc.index()
	if err != nil {
		return err
	}
	if from.parent == nil {
		from.parent = &doc
	}
	for _, child := range index.Manifests {
		if err := g.follow(ctx, child, from, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// isAttestation tells what BuildKit puts beside the images of an index.
func isAttestation(d v1.Descriptor) bool {
	return d.Annotations["vnd.docker.reference.type"] != "" ||
		d.Platform != nil && d.Platform.OS == "unknown" && d.Platform.Architecture == "unknown"
}

// choose picks the candidate for the platform wanted. Where no platform was
// asked for, the only image there is will do.
func (v *visit) choose(ctx context.Context, open opener, found []candidate) (candidate, error) {
	if len(found) == 0 {
		return candidate{}, fault.New(fault.Unsupported, "its index lists no image")
	}
	have := make([]v1.Platform, len(found))
	unnamed := 0
	for i, c := range found {
		if c.Platform == nil {
			unnamed++
		}
		if unnamed > maxUnnamed {
			return candidate{}, fault.New(fault.TooLarge, "its index lists more than %d images without their platforms", maxUnnamed)
		}
		p, err := v.platformOf(ctx, open, c.Descriptor)
		if err != nil {
			return candidate{}, err
		}
		have[i] = p
	}
	if i := v.want.best(have); i >= 0 {
		return found[i], nil
	}
	if len(found) == 1 && !v.want.asked {
		return found[0], nil
	}
	return candidate{}, v.want.wrong(have)
}

// platformOf is what an index says of an entry, or else its configuration.
func (v *visit) platformOf(ctx context.Context, open opener, d v1.Descriptor) (v1.Platform, error) {
	if d.Platform != nil {
		return *d.Platform, nil
	}
	config, err := v.configOf(ctx, open, d)
	switch fault.Of(err) {
	case fault.NotFound, fault.Unsupported:
		return v1.Platform{}, nil // whatever it is, nobody will ask for it
	}
	if err != nil {
		return v1.Platform{}, err
	}
	file, err := v1.ParseConfigFile(bytes.NewReader(config))
	if err != nil {
		return v1.Platform{}, nil
	}
	return v1.Platform{OS: file.OS, Architecture: file.Architecture, Variant: file.Variant}, nil
}

// configOf reads the configuration of the image with that manifest.
func (v *visit) configOf(ctx context.Context, open opener, d v1.Descriptor) ([]byte, error) {
	doc, err := fetchDocument(ctx, open, d, v.Options.Limits)
	if err != nil {
		return nil, err
	}
	manifest, err := v1.ParseManifest(bytes.NewReader(doc.data))
	if err != nil {
		return nil, fault.New(fault.Unsupported, "the manifest %s cannot be read: %w", doc.digest, err)
	}
	return fetch(ctx, open, manifest.Config, v.Options.Limits)
}

// descend follows a document to the manifest of the image that is wanted.
func (v *visit) descend(ctx context.Context, open opener, root document) (document, *document, error) {
	if !root.mediaType.IsIndex() {
		return root, nil, nil
	}
	index, err := root.index()
	if err != nil {
		return document{}, nil, err
	}
	found, err := gather(ctx, open, v.Options.Limits, index, &root)
	if err != nil {
		return document{}, nil, err
	}
	c, err := v.choose(ctx, open, found)
	if err != nil {
		return document{}, nil, err
	}
	manifest, err := fetchDocument(ctx, open, c.Descriptor, v.Options.Limits)
	return manifest, c.parent, err
}

// names are what an entry of a layout is called.
func names(d v1.Descriptor) []string {
	var all []string
	for _, key := range []string{"io.containerd.image.name", "org.opencontainers.image.ref.name"} {
		if name := d.Annotations[key]; name != "" && !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// called tells whether one of names is the name asked for: as it stands, as the
// same image reference, or as its tag.
func called(names []string, asked string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return name == asked || sameReference(name, asked) ||
			!strings.ContainsAny(asked, "/:@") && strings.HasSuffix(name, ":"+asked)
	})
}
