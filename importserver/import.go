package importserver

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"strings"
	"sync"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/openapi"
	"github.com/tidepole/tidepole/importserver/store"
)

// Import takes a bundle in, as if a client had uploaded and finalised it.
func (a *Account) Import(ctx context.Context, b *bundle.Bundle, o wire.AddOptions) (wire.Receipt, error) {
	if missing := b.Missing(); len(missing) > 0 {
		return wire.Receipt{}, fault.New(fault.Invalid, "import image %s: its evidence lacks %v", b.Digest, missing)
	}
	n, err := a.imported(&wire.ImportSource{
		Digest: b.Digest, ParentDigest: b.ParentDigest, LocalImageID: b.ImageID, Tags: b.Tags,
	}, b.Annotations, o)
	if err != nil {
		return wire.Receipt{}, err
	}
	if known, err := a.knows(ctx, n); err != nil || known {
		return a.bring(ctx, n, nil, err)
	}
	if n.parts, err = a.server.keepBundle(ctx, b); err != nil {
		return wire.Receipt{}, err
	}
	return a.bring(ctx, n, nil, a.server.checkParts(ctx, n.parts))
}

// knows tells whether an import would leave everything as it is, so that its
// parts need not be stored.
func (a *Account) knows(ctx context.Context, n admission) (bool, error) {
	i, err := a.server.store.View().Image(ctx, a.name, n.image.Digest)
	if errors.Is(err, store.ErrNone) {
		return false, nil
	}
	return err == nil && !n.force && i.Status != wire.AnalysisFailed, err
}

// bring admits an import in one transaction with what else belongs to it.
func (a *Account) bring(ctx context.Context, n admission, also func(*store.Tx) error, err error) (wire.Receipt, error) {
	if err != nil {
		return wire.Receipt{}, err
	}
	n.image.Evidence = evidenceOf(n.parts)
	var known bool
	err = a.inTx(ctx, func(tx *store.Tx) error {
		if known, err = a.admit(ctx, tx, n); err != nil || also == nil {
			return err
		}
		return also(tx)
	})
	if err != nil {
		return wire.Receipt{}, err
	}
	if n.force {
		a.server.queue.Recheck()
	}
	a.server.queue.Announce()
	return a.receipt(ctx, n.image.Digest, known)
}

var localID = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9:@/_.+-]{0,199}$`)
})

// imported reads an import's request but for its contents.
func (a *Account) imported(r *wire.ImportSource, notes map[string]string, o wire.AddOptions) (admission, error) {
	n := admission{notes: notes, force: o.Force, auto: !o.NoSubscribe, bulk: o.Bulk}
	digest, parent := reference.Canonical(r.Digest), reference.Canonical(cmp.Or(r.ParentDigest, r.Digest))
	if !reference.IsDigest(digest) {
		return n, fault.New(fault.Invalid, "import image: %.100q is not a digest", r.Digest).WithDetail("invalid_value", r.Digest)
	}
	if !reference.IsDigest(parent) {
		return n, fault.New(fault.Invalid, "import image %s: parent %.100q is not a digest", r.Digest, parent).WithDetail("invalid_value", parent)
	}
	if r.LocalImageID != "" && !localID().MatchString(r.LocalImageID) {
		return n, fault.New(fault.Invalid, "import image %s: %.100q is not an image id", r.Digest, r.LocalImageID)
	}
	if err := checkNotes(notes); err != nil {
		return n, err
	}
	n.image = store.Image{Digest: digest, ParentDigest: parent, ImageID: canonicalID(r.LocalImageID), Origin: fromClient}
	var err error
	n.names, err = parseNames(r.Tags, digest)
	return n, err
}

// canonicalID gives an image id its algorithm, where it is bare hex.
func canonicalID(id string) string {
	if d := reference.Canonical("sha256:" + id); reference.IsDigest(d) {
		return d
	}
	return reference.Canonical(id)
}

// finalise turns what was uploaded under an operation into an image's evidence.
func (a *Account) finalise(ctx context.Context, r *wire.ImportSource, notes map[string]string, o wire.AddOptions) (wire.Receipt, error) {
	op, err := a.operation(ctx, r.Operation)
	if err != nil {
		return wire.Receipt{}, err
	}
	if op.Status != wire.OperationPending {
		return wire.Receipt{}, fault.New(fault.Conflict, "Invalid operation status: import operation %s is %s", op.ID, op.Status).
			WithDetail("status", op.Status)
	}
	n, err := a.imported(r, notes, o)
	if err != nil {
		return wire.Receipt{}, err
	}
	if n.parts, err = a.uploaded(ctx, op, r.Contents); err != nil {
		return wire.Receipt{}, err
	}
	if err := a.server.checkParts(ctx, n.parts); err != nil {
		return wire.Receipt{}, err
	}
	return a.bring(ctx, n, func(tx *store.Tx) error {
		done, err := tx.MoveOperation(ctx, op.ID, wire.OperationPending, wire.OperationComplete, a.server.now())
		if err == nil && !done {
			err = fault.New(fault.Conflict, "Invalid operation status: import operation %s ended meanwhile", op.ID)
		}
		return err
	}, nil)
}

// uploaded are the parts that a finalising request names, by kind and digest.
// Those that its SBOM carries it need not name.
func (a *Account) uploaded(ctx context.Context, op store.Operation, contents map[string]string) ([]store.Part, error) {
	contents = renamed(contents)
	if contents[string(bundle.Packages)] == "" {
		return nil, fault.New(fault.Invalid, "import operation %s: contents lack %s", op.ID, bundle.Packages).
			WithDetail("content_type", string(bundle.Packages))
	}
	for kind := range contents {
		if !isKind(kind) {
			return nil, fault.New(fault.Invalid, "import operation %s: there is no part %.100q", op.ID, kind)
		}
	}
	all, err := a.server.store.View().OperationParts(ctx, op.ID)
	if err != nil {
		return nil, err
	}
	have := map[[2]string]store.Part{}
	for _, p := range all {
		have[[2]string{p.Kind, p.Digest}] = p
	}
	var parts []store.Part
	for _, kind := range bundle.Kinds {
		digest := contents[string(kind)]
		if digest == "" {
			continue
		}
		p, ok := have[[2]string{string(kind), "sha256:" + strings.TrimPrefix(digest, "sha256:")}]
		if !ok {
			return nil, fault.New(fault.Invalid, "One or more referenced content digests not found for the operation id").
				WithDetail("digest", digest).WithDetail("content_type", string(kind))
		}
		parts = append(parts, p)
	}
	if err := a.server.plainDockerfile(ctx, parts); err != nil {
		return nil, err
	}
	return a.server.withCarried(ctx, parts)
}

// renamed are contents that call the syft document by its part's name, though the
// client called it by the route that it was uploaded to.
func renamed(contents map[string]string) map[string]string {
	document := contents[wholeSBOM]
	if document == "" {
		return contents
	}
	contents = maps.Clone(contents)
	delete(contents, wholeSBOM)
	contents[string(bundle.Packages)] = cmp.Or(contents[string(bundle.Packages)], document)
	return contents
}

// wholeSBOM is the other name of bundle.Packages.
const wholeSBOM = "sbom"

func isKind(name string) bool {
	for _, k := range bundle.Kinds {
		if string(k) == name {
			return true
		}
	}
	return false
}

// checkParts refuses small parts that cannot be what they are said to be. The
// large ones are checked when they are read for the assessment.
func (s *Server) checkParts(ctx context.Context, parts []store.Part) error {
	var b bundle.Bundle
	for _, p := range parts {
		b.Put(s.part(ctx, p))
	}
	for _, kind := range []bundle.Kind{bundle.Manifest, bundle.ImageConfig, bundle.ParentManifest} {
		data, err := b.ReadAll(kind, s.limitOf(kind))
		if err != nil {
			return err
		}
		var object map[string]json.RawMessage
		if data != nil && json.Unmarshal(data, &object) != nil {
			return fault.New(fault.Invalid, "import image: its %s is not a JSON object", kind).WithDetail("content_type", string(kind))
		}
		if data == nil {
			continue
		}
		if err := openapi.Sound(data); err != nil {
			return fault.New(fault.Invalid, "import image: its %s is not the JSON it should be: %s", kind, err).WithDetail("content_type", string(kind))
		}
	}
	return nil
}
