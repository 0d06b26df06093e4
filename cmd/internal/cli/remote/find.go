package remote

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
	"github.com/tidepole/tidepole/formats/wire"
)

var imageID = regexp.MustCompile(`^[a-f0-9]{64}$`)

// Found is an image of the server, and the tag it was asked for by.
type Found struct {
	wire.Image
	Tag string // full; one of the image's own where it was asked for by digest or id
}

// Image connects to the server and finds an image on it.
func Image(ctx context.Context, e *env.Env, name string) (*client.Client, Found, error) {
	c, err := Connect(e, nil)
	if err != nil {
		return nil, Found{}, err
	}
	found, err := Find(ctx, e, c, name)
	return c, found, err
}

// Find is the image that a person means: by tag, digest or image id. Of several
// the newest is taken, and said so.
func Find(ctx context.Context, e *env.Env, c *client.Client, name string) (Found, error) {
	name = canonical(name)
	switch {
	case reference.IsDigest(name):
		return byDigest(ctx, e, c, name)
	case imageID.MatchString(name):
		return byID(ctx, e, c, name)
	}
	ref, err := reference.Parse(name)
	if err != nil {
		return Found{}, err
	}
	if ref.Digest != "" {
		found, err := byDigest(ctx, e, c, ref.Digest)
		if ref.Tag != "" {
			found.Tag = ref.FullTag()
		}
		return found, err
	}
	images, err := c.Images(ctx, wire.ImageFilter{FullTag: ref.FullTag()})
	found, err := newest(e, images, err, ref.FullTag())
	found.Tag = ref.FullTag()
	return found, err
}

// canonical is a digest or an image id in lower case; other names stay as they are.
func canonical(name string) string {
	if small := strings.ToLower(name); imageID.MatchString(small) {
		return small
	}
	return reference.Canonical(name)
}

func byDigest(ctx context.Context, e *env.Env, c *client.Client, digest string) (Found, error) {
	image, err := c.Image(ctx, digest)
	if fault.Of(err) == fault.NotFound {
		return byID(ctx, e, c, digest)
	}
	return found(image), err
}

func byID(ctx context.Context, e *env.Env, c *client.Client, id string) (Found, error) {
	images, err := c.Images(ctx, wire.ImageFilter{ImageID: id})
	return newest(e, images, err, id)
}

func newest(e *env.Env, images []wire.Image, err error, name string) (Found, error) {
	if err != nil && fault.Of(err) != fault.NotFound {
		return Found{}, err
	}
	if len(images) == 0 {
		return Found{}, fault.New(fault.NotFound, "the server has no image %s", name).
			WithHint("tidepole image list shows what it has; tidepole image add %s adds it", name)
	}
	image := slices.MaxFunc(images, func(a, b wire.Image) int { return a.CreatedAt.Compare(b.CreatedAt) })
	if len(images) > 1 {
		e.Say("%d images are %s; taking the newest, %s", len(images), name, image.Digest)
	}
	return found(image), nil
}

func found(image wire.Image) Found {
	f := Found{Image: image}
	for _, d := range image.Detail {
		if d.FullTag != "" {
			f.Tag = d.FullTag
			break
		}
	}
	return f
}
