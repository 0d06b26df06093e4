package importserver

import (
	"context"
	"encoding/base64"
	"errors"
	"math"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// AddImage adds an image: by what was uploaded for it, or by a tag or digest that
// the server pulls and analyses itself.
func (a *Account) AddImage(ctx context.Context, r wire.ImageRequest, o wire.AddOptions) (wire.Receipt, error) {
	if r.ImageType != "" && r.ImageType != "docker" {
		return wire.Receipt{}, fault.New(fault.Invalid, "add image: there is no image type %.100q", r.ImageType)
	}
	switch source := r.Source; {
	case source.Import != nil:
		return a.finalise(ctx, source.Import, r.Annotations, o)
	case source.Tag != nil:
		return a.addTag(ctx, *source.Tag, r.Annotations, o)
	case source.Digest != nil:
		return a.addDigest(ctx, *source.Digest, r.Annotations, o)
	}
	return wire.Receipt{}, fault.New(fault.Invalid, `add image: "source" names neither a tag, a digest nor an import`)
}

func (a *Account) addTag(ctx context.Context, t wire.TagSource, notes map[string]string, o wire.AddOptions) (wire.Receipt, error) {
	r, err := reference.Parse(t.PullString)
	if err == nil {
		err = r.Check()
	}
	if err != nil {
		return wire.Receipt{}, badPull(err, t.PullString)
	}
	if r.Tag == "" {
		return wire.Receipt{}, badPull(fault.New(fault.Invalid, "add image: %s names no tag", t.PullString), t.PullString)
	}
	return a.pull(ctx, r, t.Platform, t.Dockerfile, admission{names: []reference.Reference{r}, notes: notes, force: o.Force, auto: !o.NoSubscribe, bulk: o.Bulk})
}

func (a *Account) addDigest(ctx context.Context, d wire.DigestSource, notes map[string]string, o wire.AddOptions) (wire.Receipt, error) {
	r, err := reference.Parse(d.PullString)
	if err == nil {
		err = r.Check()
	}
	if err != nil {
		return wire.Receipt{}, badPull(err, d.PullString)
	}
	if r.Digest == "" {
		return wire.Receipt{}, badPull(fault.New(fault.Invalid, "add image: %s names no digest", d.PullString), d.PullString)
	}
	name := r
	if d.Tag != "" {
		if name, err = reference.Parse(d.Tag); err != nil || name.Tag == "" {
			return wire.Receipt{}, badPull(fault.New(fault.Invalid, "add image: %.200q is not a tag", d.Tag), d.Tag)
		}
	}
	n := admission{names: []reference.Reference{name}, notes: notes, force: o.Force, kept: d.Tag != "", auto: !o.NoSubscribe, bulk: o.Bulk}
	if d.CreatedAt != nil && !d.CreatedAt.IsZero() {
		n.created = d.CreatedAt.UTC()
	}
	return a.pull(ctx, r, d.Platform, d.Dockerfile, n)
}

// badPull marks which value of a request is at fault.
func badPull(err error, value string) error {
	var f *fault.Fault
	if errors.As(err, &f) {
		f.WithDetail("invalid_value", value)
	}
	return err
}

// pull asks the registry what a name stands for and queues the analysis.
func (a *Account) pull(ctx context.Context, r reference.Reference, platform, dockerfile string, n admission) (wire.Receipt, error) {
	if err := checkNotes(n.notes); err != nil {
		return wire.Receipt{}, err
	}
	file, err := decodeDockerfile(dockerfile)
	if err != nil {
		return wire.Receipt{}, err
	}
	login, err := a.login(ctx, r)
	if err != nil {
		return wire.Receipt{}, lookupFault(err)
	}
	found, err := a.resolve(ctx, Target{PullString: r.String(), Platform: platform, Login: login})
	if err != nil {
		return wire.Receipt{}, err
	}
	if err := a.mayReplace(ctx, found.Digest, len(file) > 0, n); err != nil {
		return wire.Receipt{}, err
	}
	n.image = store.Image{
		Digest: found.Digest, ParentDigest: found.ParentDigest, ImageID: canonicalID(found.ImageID),
		Request: store.Request{PullString: r.FullDigest(found.ParentDigest), Platform: found.Platform, Dockerfile: file},
	}
	var known bool
	err = a.inTx(ctx, func(tx *store.Tx) error {
		known, err = a.admit(ctx, tx, n)
		return err
	})
	if err != nil {
		return wire.Receipt{}, err
	}
	if n.force {
		a.server.queue.Recheck()
	}
	a.server.queue.Announce()
	return a.receipt(ctx, found.Digest, known)
}

// resolve is Functions.Resolve with the contract's way to say why it failed.
func (a *Account) resolve(ctx context.Context, t Target) (Resolved, error) {
	found, err := a.server.functions.Resolve(ctx, t)
	if err != nil {
		a.noteLookup(ctx, t.PullString, err)
		return found, lookupFault(a.refusedLogin(ctx, t.PullString, t.Login, err))
	}
	if found.ParentDigest == "" {
		found.ParentDigest = found.Digest
	}
	if found.Platform == "" {
		found.Platform = t.Platform
	}
	if !reference.IsDigest(found.Digest) || !reference.IsDigest(found.ParentDigest) {
		return found, lookupFault(fault.New(fault.Unavailable, "look up %s: the registry's answer has no usable digest", t.PullString))
	}
	return found, a.server.checkSize(t.PullString, found.Size)
}

// checkSize refuses images that are larger than the server pulls.
func (s *Server) checkSize(name string, size int64) error {
	limit := s.options.MaxImageMB
	if limit < 1 || size <= int64(limit)*1_000_000 {
		return nil
	}
	mb := math.Round(float64(size)/10_000) / 100
	return fault.New(fault.TooLarge, "Image size is too large based on max size specified in the configuration: %s has %v MB, and may have %d", name, mb, limit).
		WithDetail("requested_image_compressed_size_mb", mb).WithDetail("max_compressed_image_size_mb", limit).
		WithHint("serve --max-compressed-image-size-mb raises the limit; add --from registry analyses the image where the command runs")
}

// errorCodes are the contract's names of what can go wrong at a registry.
var errorCodes = map[fault.Kind]string{
	fault.Denied:      "REGISTRY_PERMISSION_DENIED",
	fault.Forbidden:   "REGISTRY_PERMISSION_DENIED",
	fault.NotFound:    "REGISTRY_IMAGE_NOT_FOUND",
	fault.Unavailable: "REGISTRY_NOT_ACCESSIBLE",
	fault.Unsupported: "REGISTRY_NOT_SUPPORTED",
}

// lookupFault says that the request was at fault: it names what the registry
// does not give. A caller of the API that was itself denied is another matter.
func lookupFault(err error) error {
	kind := fault.Of(err)
	if kind == fault.Internal {
		return err
	}
	f := fault.New(fault.Invalid, "%w", err).
		WithDetail("error_codes", codesOf(err)).WithDetail("registry_fault", kind.String())
	f.Hint = fault.Hint(err)
	switch kind {
	case fault.Unavailable, fault.Denied, fault.Forbidden:
		if f.Hint != "" {
			f.Hint += "; "
		}
		f.Hint += "it is the server that asks the registry: add --from docker, or another source, to analyse the image here"
	}
	return f
}

// mayReplace refuses what the contract does not allow for an image that is, or
// is not, known.
func (a *Account) mayReplace(ctx context.Context, digest string, dockerfile bool, n admission) error {
	_, err := a.server.store.View().Image(ctx, a.name, digest)
	known := err == nil
	switch {
	case err != nil && !errors.Is(err, store.ErrNone):
		return err
	case known && dockerfile && !n.force:
		return fault.New(fault.Invalid, "Cannot specify dockerfile for an image that already exists unless using force=True for re-analysis").
			WithHint("add --force to analyse it again with the Dockerfile")
	case !known && n.force && n.kept:
		return fault.New(fault.Invalid, "image digest must already exist to force re-analyze using tag+digest")
	}
	return nil
}

// decodeDockerfile reads a Dockerfile as requests have it.
func decodeDockerfile(s string) ([]byte, error) {
	if base64.StdEncoding.DecodedLen(len(s)) > bundle.MaxDockerfile+2 {
		return nil, fault.New(fault.Invalid, "add image: the Dockerfile is longer than %d bytes", bundle.MaxDockerfile)
	}
	data, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, fault.New(fault.Invalid, "add image: the Dockerfile is not in base64")
	}
	return data, nil
}
