// Package files reads the layers of an image once, while they stream by to
// whoever unpacks them: it takes the digest of every file and hands every
// file's bytes to observers. Nothing of a layer is kept but what is learnt.
package files

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Entry is a regular file as it stands in one layer's tar.
type Entry struct {
	Layer   string // the layer's diff ID
	Ordinal int    // which of the tar's entries, from 0: a path can stand there twice
	Path    string // absolute and clean
	Size    int64
}

// Observer is shown every regular file of every layer, whiteouts aside; layers
// that are repeated are shown once. It is called from many goroutines, need not
// read everything, and keeps to itself what goes wrong.
type Observer func(e Entry, r io.Reader)

// Options say what a Pass does beside taking digests.
type Options struct {
	Observers []Observer
}

// Pass is one reading of one image.
type Pass struct {
	ctx     context.Context
	image   v1.Image
	layers  []*Layer
	options Options
	buffers *sync.Pool
	slots   chan struct{} // bounds the files that are observed at the same time
	budget  budget
}

// New prepares to read img. The reading happens as the layers of Image are
// read, and ends with ctx.
func New(ctx context.Context, img v1.Image, o Options) (*Pass, error) {
	layers, err := img.Layers()
	if err != nil {
		return nil, fmt.Errorf("list the image's layers: %w", err)
	}
	ids, err := diffIDs(img, layers)
	if err != nil {
		return nil, err
	}
	p := &Pass{
		ctx:     ctx,
		image:   img,
		options: o,
		buffers: &sync.Pool{New: func() any { return new([maxBuffered]byte) }},
		slots:   make(chan struct{}, runtime.GOMAXPROCS(0)),
	}
	seen := map[string]bool{}
	for i, l := range layers {
		p.layers = append(p.layers, &Layer{Layer: l, pass: p, index: i, diffID: ids[i], repeated: seen[ids[i]]})
		seen[ids[i]] = true
	}
	return p, nil
}

// diffIDs takes the layers' diff IDs from the image's configuration; only where
// it does not list them is each layer asked, which may read it whole.
func diffIDs(img v1.Image, layers []v1.Layer) ([]string, error) {
	config, err := img.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("read the image's configuration: %w", err)
	}
	ids := make([]string, len(layers))
	for i, l := range layers {
		if len(config.RootFS.DiffIDs) == len(layers) {
			ids[i] = config.RootFS.DiffIDs[i].String()
			continue
		}
		id, err := l.DiffID()
		if err != nil {
			return nil, fmt.Errorf("name layer %d: %w", i+1, err)
		}
		ids[i] = id.String()
	}
	return ids, nil
}

// Image is the image to read in place of the original.
func (p *Pass) Image() v1.Image { return passImage{p.image, p} }

// LayerIDs are the layers' diff IDs, the lowest layer first.
func (p *Pass) LayerIDs() []string {
	ids := make([]string, len(p.layers))
	for i, l := range p.layers {
		ids[i] = l.diffID
	}
	return ids
}

// Layer is what was learnt of the layer with that index.
func (p *Pass) Layer(index int) *Layer { return p.layers[index] }

// Err is why the lowest layer that could not be read could not be; nil when
// none failed.
func (p *Pass) Err() error {
	for _, l := range p.layers {
		if err := l.failure(); err != nil {
			return err
		}
	}
	return nil
}

// passImage is an image whose layers are observed.
type passImage struct {
	v1.Image
	pass *Pass
}

// Layers are the observed layers.
func (i passImage) Layers() ([]v1.Layer, error) {
	layers := make([]v1.Layer, len(i.pass.layers))
	for n, l := range i.pass.layers {
		layers[n] = l
	}
	return layers, nil
}
