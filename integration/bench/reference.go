package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
)

// reference makes the reference image: the recipe's layers, and an
// application's own files on top.
func (s store) reference(ctx context.Context, program string) (image, error) {
	return s.image(reference, maker(), func(blobs string) ([]layer, error) {
		kitchen := s.path("kitchen")
		uppers, err := cook(ctx, kitchen, program)
		if err != nil {
			return nil, err
		}
		var layers []layer
		for i, upper := range uppers {
			l, err := makeLayer(blobs, steps[i], func(w *layerWriter) error {
				if err := writeDiff(w, upper); err != nil || i != len(uppers)-1 {
					return err
				}
				_, below, _ := plant()
				return writeFiles(w, below)
			})
			if err != nil {
				return nil, err
			}
			layers = append(layers, l)
		}
		top, err := makeLayer(blobs, "COPY app /srv/app", func(w *layerWriter) error { return application(w, false) })
		if err != nil {
			return nil, err
		}
		return append(layers, top), os.RemoveAll(kitchen)
	})
}

// topChanged is the reference image with other source files in its topmost layer.
func (s store) topChanged(from image) (image, error) {
	return s.retop(topChanged, from, true)
}

// topProgram is the reference image with another Go program in its topmost layer.
func (s store) topProgram(from image, program string) (image, error) {
	data, err := os.ReadFile(program)
	if err != nil {
		return image{}, err
	}
	return s.retop(topProgram, from, false, file{"srv/app/bin/agent", 0o755, data})
}

func (s store) retop(name string, from image, changed bool, more ...file) (image, error) {
	return s.image(name, makerOf(from.maker(), slices.Concat(source(changed), more)), func(blobs string) ([]layer, error) {
		kept := from.Layers[:len(from.Layers)-1]
		for _, l := range kept {
			if err := adopt(blobs, from, l); err != nil {
				return nil, err
			}
		}
		top, err := makeLayer(blobs, "COPY app /srv/app", func(w *layerWriter) error { return application(w, changed, more...) })
		if err != nil {
			return nil, err
		}
		return append(append([]layer{}, kept...), top), nil
	})
}

// makerOf is the maker of an image whose topmost layer has these files.
func makerOf(maker string, files []file) string {
	h := sha256.New()
	fmt.Fprintln(h, maker)
	for _, f := range files {
		fmt.Fprintf(h, "%s %o %d %s", f.name, f.mode, len(f.data), f.data)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
