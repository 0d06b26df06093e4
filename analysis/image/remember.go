package image

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"
	"strconv"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/tidepole/tidepole/formats/fault"
)

// recall gives what was remembered, if anything.
func (p *pass) recall(key string) ([]byte, bool) {
	if p.Remember == nil {
		return nil, false
	}
	return p.Remember.Get(key)
}

func (p *pass) remember(key string, data []byte) {
	if p.Remember != nil {
		p.Remember.Put(key, data)
	}
}

// unpackedSizes are the sizes of layers: of those just read, as remembered, or
// counted.
func (p *pass) unpackedSizes(ctx context.Context, all []*layer) (map[v1.Hash]int64, error) {
	key := func(diffID v1.Hash) string { return "layer size " + diffID.String() }
	unknown := slices.DeleteFunc(distinct(all), func(l *layer) bool {
		if _, read := p.sizes[l.diffID]; read {
			return true
		}
		data, ok := p.recall(key(l.diffID))
		n, err := strconv.ParseInt(string(data), 10, 64)
		if ok = ok && err == nil && n >= 0; ok {
			p.sizes[l.diffID] = n
		}
		return ok
	})
	count := func(context.Context, Stream) error { return nil }
	if err := p.each(ctx, unknown, count); err != nil {
		return nil, err
	}
	for diffID, n := range p.sizes {
		p.remember(key(diffID), strconv.AppendInt(nil, n, 10))
	}
	return p.sizes, nil
}

// remembered is a daemon's image as it was read before.
type remembered struct {
	Manifest     []byte          `json:"manifest"`
	ManifestType types.MediaType `json:"manifestType"`
	Parent       []byte          `json:"parent,omitempty"`
	ParentType   types.MediaType `json:"parentType,omitempty"`
	Config       []byte          `json:"config"`
}

// memoryKey is what a daemon's image is remembered by; "" where its ID is no
// digest, and so might be another image's next time.
func (v *visit) memoryKey(id string) string {
	h, err := v1.NewHash(id)
	if err != nil || h.Algorithm != "sha256" {
		return ""
	}
	return "daemon image " + id + " " + platformName(v.want.Platform)
}

// recallImage is the image that a daemon knows by an ID, if it is remembered and
// no layer of it needs to be read.
func (p *pass) recallImage(ctx context.Context, id string) (*place, *picture, bool) {
	key := p.visit.memoryKey(id)
	if key == "" {
		return nil, nil, false
	}
	data, ok := p.recall(key)
	var r remembered
	if !ok || json.Unmarshal(data, &r) != nil {
		return nil, nil, false
	}
	doc, err := newDocument(r.Manifest, r.ManifestType)
	if err != nil {
		return nil, nil, false
	}
	at := &place{manifest: doc, open: r.open}
	if r.Parent != nil {
		parent, err := newDocument(r.Parent, r.ParentType)
		if err != nil {
			return nil, nil, false
		}
		at.parent = &parent
	}
	pic, err := newPicture(ctx, p.visit, at)
	if err != nil || !isOf(id, at, pic) || len(p.unread(pic.layers)) > 0 {
		return nil, nil, false
	}
	return at, pic, true
}

// rememberImage keeps what an export told of an image.
func (p *pass) rememberImage(id string, at *place, pic *picture) {
	key := p.visit.memoryKey(id)
	if key == "" || !isOf(id, at, pic) {
		return
	}
	r := remembered{Manifest: at.manifest.data, ManifestType: at.manifest.mediaType, Config: pic.rawConf}
	if at.parent != nil {
		r.Parent, r.ParentType = at.parent.data, at.parent.mediaType
	}
	if data, err := json.Marshal(r); err == nil {
		p.remember(key, data)
	}
}

// isOf tells whether a daemon's ID is the digest of the image's configuration,
// its manifest or its index, as daemons have it.
func isOf(id string, at *place, pic *picture) bool {
	return id == hashOf(pic.rawConf).String() || id == at.manifest.digest.String() ||
		at.parent != nil && id == at.parent.digest.String()
}

// open gives the configuration, which is all that is remembered.
func (r remembered) open(_ context.Context, d v1.Descriptor) (io.ReadCloser, error) {
	if d.Digest != hashOf(r.Config) {
		return nil, fault.New(fault.NotFound, "%s is not remembered", d.Digest)
	}
	return io.NopCloser(bytes.NewReader(r.Config)), nil
}
