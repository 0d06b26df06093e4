package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/defaults"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/tidepole/tidepole/formats/fault"
)

// containerdAnswers is how long containerd may take for a look-up.
const containerdAnswers = 10 * time.Second

// findContainerd finds an image in containerd, and reads it where it lies: in
// the content store. Nothing is pulled or exported.
func findContainerd(ctx context.Context, v *visit) (*place, error) {
	c, err := v.connectContainerd()
	if err != nil {
		return nil, err
	}
	img, err := c.image(ctx, v.Reference)
	if err != nil {
		return nil, err
	}
	target := img.Target
	h, err := v1.NewHash(target.Digest.String())
	if err != nil {
		return nil, fault.New(fault.Unsupported, "the image's digest: %w", err)
	}
	root, err := fetchDocument(ctx, c.open, v1.Descriptor{Digest: h, Size: target.Size, MediaType: types.MediaType(target.MediaType)}, v.Options.Limits)
	if err != nil {
		return nil, err
	}
	manifest, parent, err := v.descend(ctx, c.open, root)
	if err != nil {
		return nil, err
	}
	p := &place{manifest: manifest, parent: parent, open: c.open, tags: fullTags([]string{img.Name})}
	if named, err := reference.ParseDockerRef(img.Name); err == nil {
		p.repoDigests = []string{named.Name() + "@" + h.String()}
	}
	return p, nil
}

// containerd is a conversation with containerd, in one namespace.
type containerd struct {
	api       *client.Client
	address   string
	namespace string
	stall     time.Duration
}

func (v *visit) connectContainerd() (*containerd, error) {
	o := v.Options.Containerd
	c := &containerd{address: o.Address, namespace: o.Namespace, stall: orMinute(o.StallTimeout)}
	if c.address == "" {
		c.address = defaults.DefaultAddress
	}
	if c.namespace == "" {
		c.namespace = namespaces.Default
	}
	if _, err := os.Stat(c.address); err != nil {
		return nil, fault.New(fault.Unavailable, "containerd is not running: %w", err).
			WithHint("start containerd, or set CONTAINERD_ADDRESS to its socket's path")
	}
	api, err := client.New(c.address, client.WithDefaultNamespace(c.namespace), client.WithTimeout(containerdAnswers))
	if err != nil {
		return nil, c.failed(err)
	}
	v.later(api.Close)
	c.api = api
	return c, nil
}

// image looks an image up by its name, as given or spelled out.
func (c *containerd) image(ctx context.Context, name string) (images.Image, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, containerdAnswers, errStalled)
	defer cancel()
	tries := []string{name}
	if named, err := reference.ParseDockerRef(name); err == nil && named.String() != name {
		tries = append(tries, named.String())
	}
	for _, try := range tries {
		img, err := c.api.ImageService().Get(ctx, try)
		if err == nil {
			return img, nil
		}
		if !errdefs.IsNotFound(err) && !errdefs.IsInvalidArgument(err) {
			return images.Image{}, c.lookUpFailed(ctx, err)
		}
	}
	if img, ok := c.byDigest(ctx, name); ok {
		return img, nil
	}
	return images.Image{}, c.missing(ctx)
}

// byDigest looks an image up that is known by a tag only, but has the digest
// that the name asks for.
func (c *containerd) byDigest(ctx context.Context, name string) (images.Image, bool) {
	named, err := reference.ParseDockerRef(name)
	if err != nil {
		return images.Image{}, false
	}
	digested, ok := named.(reference.Digested)
	if !ok {
		return images.Image{}, false
	}
	found, err := c.api.ImageService().List(ctx, fmt.Sprintf("target.digest==%q", digested.Digest().String()))
	if err != nil {
		return images.Image{}, false
	}
	for _, img := range found {
		if other, err := reference.ParseDockerRef(img.Name); err == nil && other.Name() == named.Name() {
			return img, true
		}
	}
	return images.Image{}, false
}

// missing says that the namespace does not have the image, and which others
// there are.
func (c *containerd) missing(ctx context.Context) error {
	f := fault.New(fault.NotFound, "containerd at %s has no such image in the namespace %q", c.address, printable(c.namespace))
	if all, err := c.api.NamespaceService().List(ctx); err == nil && len(all) > 0 {
		f.WithHint("its namespaces are %s", printable(list(all)))
	}
	return f
}

func (c *containerd) lookUpFailed(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errStalled) {
		return cause
	}
	return c.failed(err)
}

func (c *containerd) failed(err error) error {
	return fault.New(fault.Unavailable, "ask containerd at %s: %s", c.address, printable(err.Error())).
		WithHint("check that CONTAINERD_ADDRESS is containerd's socket, and that you may open it")
}

// open gives a blob of the content store. It fails where that stalls.
func (c *containerd) open(ctx context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := watchStall(c.stall, cancel)
	r, err := c.api.ContentStore().ReaderAt(ctx, ocispec.Descriptor{Digest: digest.Digest(d.Digest.String()), Size: d.Size})
	if err != nil {
		timer.Stop()
		defer cancel(nil)
	}
	if errdefs.IsNotFound(err) {
		return nil, fault.New(fault.NotFound, "containerd knows %s but does not keep it", d.Digest).
			WithHint("pull the image again, and with all its content: containerd may be set to discard layers it has unpacked")
	}
	if err != nil {
		return nil, c.lookUpFailed(ctx, orCause(ctx, err))
	}
	body := &watched{ReadCloser: readCloser{content.NewReader(r), r}, ctx: ctx, cancel: cancel, timer: timer, every: c.stall}
	return unbroken{body, "containerd at " + c.address}, nil
}
