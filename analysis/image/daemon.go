package image

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/versions"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
)

// How long a daemon may take. Before the first byte of an image comes, some
// write all of it to their disk.
const (
	daemonAnswers = 30 * time.Second
	daemonSaves   = 15 * time.Minute
)

// daemon is a conversation with a daemon that speaks Docker's API.
type daemon struct {
	*visit
	endpoint
	api *client.Client
}

// findInDaemon finds an image in a daemon, which saves it when it is read.
func (v *visit) findInDaemon(ctx context.Context, end endpoint) (*place, error) {
	ref, err := reference.Parse(v.Reference) // it becomes part of an address
	if err != nil {
		return nil, err
	}
	if ref.Repository != strings.ToLower(ref.Repository) {
		return nil, fault.New(fault.Invalid, "%q cannot be in a daemon: a repository's name is in lower case", printable(ref.Repository)).
			WithHint("write %s", strings.ToLower(ref.Repository))
	}
	api, err := client.New(end.options...)
	if err != nil {
		return nil, noAddress(end.host, err)
	}
	v.later(api.Close)
	d := daemon{v, end, api}
	found, err := d.inspect(ctx)
	if fault.Of(err) == fault.NotFound && !v.auto {
		if err := d.pull(ctx); err != nil {
			return nil, err
		}
		found, err = d.inspect(ctx)
	}
	if err != nil {
		return nil, err
	}
	have := v1.Platform{OS: found.Os, Architecture: found.Architecture, Variant: found.Variant}
	if v.want.asked && !v.want.matches(have) && !d.knowsPlatforms() {
		return nil, v.want.wrong([]v1.Platform{have})
	}
	var expected []string
	if !v.want.asked || v.want.matches(have) { // else they are those of another platform
		expected = found.RootFS.Layers
	}
	return &place{
		known:    Identity{ID: found.ID, Tags: fullTags(found.RepoTags), RepoDigests: found.RepoDigests, Platform: platformName(have)},
		expected: expected,
		late:     func(ctx context.Context, p *pass) (*place, *picture, error) { return d.read(ctx, p, found, expected) },
	}, nil
}

// inspect asks what the daemon knows of the image.
func (d daemon) inspect(ctx context.Context) (client.ImageInspectResult, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, daemonAnswers, errStalled)
	defer cancel()
	found, err := d.api.ImageInspect(ctx, d.Reference)
	if errdefs.IsNotFound(err) {
		return found, fault.New(fault.NotFound, "the daemon at %s has no such image", printable(d.host))
	}
	return found, d.failed(ctx, err)
}

// knowsPlatforms tells whether the daemon can hold one image for several
// platforms, and save one of them.
func (d daemon) knowsPlatforms() bool {
	return versions.GreaterThanOrEqualTo(d.api.ClientVersion(), "1.48")
}

// saved is the image's archive as the daemon sends it. The image is named by its
// ID, so that no tag can move meanwhile and the archive holds nothing else.
func (d daemon) saved(ctx context.Context, found client.ImageInspectResult) (io.ReadCloser, error) {
	var opts []client.ImageSaveOption
	if d.want.asked && d.knowsPlatforms() {
		opts = append(opts, client.ImageSaveWithPlatforms(d.platform()))
	}
	reading, cancel := context.WithCancelCause(ctx)
	timer := watchStall(daemonSaves, cancel)
	stream, err := d.api.ImageSave(reading, []string{found.ID}, opts...)
	if err != nil {
		timer.Stop()
		err = d.failed(reading, err)
		cancel(nil)
		return nil, err
	}
	body := &watched{ReadCloser: stream, ctx: reading, cancel: cancel, timer: timer, every: daemonSaves}
	return unbroken{body, "the daemon at " + printable(d.host)}, nil
}

// read has the layers read while the daemon saves the image. One whose layers
// are all had is not saved again.
func (d daemon) read(ctx context.Context, p *pass, found client.ImageInspectResult, expected []string) (*place, *picture, error) {
	if at, pic, ok := p.recallImage(ctx, found.ID); ok {
		at.tags, at.repoDigests = fullTags(found.RepoTags), found.RepoDigests
		return at, pic, nil
	}
	at, pic, err := p.exported(ctx, expected, func(ctx context.Context) (io.ReadCloser, error) { return d.saved(ctx, found) })
	if err != nil {
		return nil, nil, err
	}
	at.tags, at.repoDigests = fullTags(found.RepoTags), found.RepoDigests
	p.rememberImage(found.ID, at, pic)
	return at, pic, nil
}

// unbroken says of a stream that breaks whose it was.
type unbroken struct {
	io.ReadCloser
	from string
}

func (u unbroken) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = fault.New(fault.Unavailable, "%s broke off: %w", u.from, err)
	}
	return n, err
}

func (d daemon) platform() ocispec.Platform {
	return ocispec.Platform{OS: d.want.OS, Architecture: d.want.Architecture, Variant: d.want.Variant}
}

// pull has the daemon pull the image, as "docker run" would.
func (d daemon) pull(ctx context.Context) error {
	ref, err := reference.Parse(d.Reference)
	if err != nil {
		return err
	}
	opts := client.ImagePullOptions{}
	if d.want.asked {
		opts.Platforms = []ocispec.Platform{d.platform()}
	}
	if opts.RegistryAuth, err = d.registryAuth(ctx, ref.Registry); err != nil {
		return err
	}
	pulling, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := watchStall(daemonSaves, cancel)
	defer timer.Stop()
	stream, err := d.api.ImagePull(pulling, d.Reference, opts)
	if err != nil {
		return d.pullFailed(pulling, err)
	}
	defer stream.Close()
	for message, err := range stream.JSONMessages(pulling) {
		if err == nil && message.Error != nil {
			err = message.Error
		}
		if err != nil {
			return d.pullFailed(pulling, err)
		}
		timer.Reset(daemonSaves)
		if message.Progress != nil {
			d.report(Progress{Stage: "pull", Item: message.ID, Done: message.Progress.Current, Total: message.Progress.Total})
		}
	}
	return nil
}

// registryAuth is the credentials that the daemon is to pull with. They are only
// given to one that nobody can listen to on the way.
func (d daemon) registryAuth(ctx context.Context, registry string) (string, error) {
	if !d.private {
		return "", nil
	}
	auth, err := d.Options.Registry.authenticator(ctx, registry)
	if err != nil || auth == nil {
		return "", err
	}
	return encodeAuth(auth)
}

// pullFailed says why the daemon could not pull.
func (d daemon) pullFailed(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errStalled) {
		return cause
	}
	kind := fault.Unavailable
	switch {
	case errdefs.IsNotFound(err):
		kind = fault.NotFound
	case errdefs.IsUnauthorized(err):
		kind = fault.Denied
	case errdefs.IsPermissionDenied(err):
		kind = fault.Forbidden
	case errdefs.IsInvalidArgument(err):
		kind = fault.Invalid
	default:
		kind = kindOfMessage(err.Error())
	}
	return fault.New(kind, "the daemon at %s does not have it and cannot pull it: %s", printable(d.host), printable(err.Error()))
}

// failed says why the daemon did not answer as it should.
func (d daemon) failed(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errStalled) {
		return cause
	}
	f := fault.New(fault.Unavailable, "the daemon at %s: %s", printable(d.host), printable(err.Error()))
	f.Err = err
	if client.IsErrConnectionFailed(err) {
		f.WithHint("start the daemon, name another one, or choose another source")
	}
	return f
}
