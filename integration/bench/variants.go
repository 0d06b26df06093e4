package main

import (
	"archive/tar"
	"fmt"
	"io"
	"path"
	"strings"
)

// quarterFolders are what the image of a quarter of the size has of the layers
// above the base.
var quarterFolders = []string{"srv/app", "srv/tools", "usr/local", "usr/share/rubygems-integration", "usr/share/java", "usr/share/maven-repo", "usr/lib/python3/dist-packages/django", "usr/lib/python3/dist-packages/twisted"}

func (s store) quarter(from image) (image, error) {
	return s.image(quarter, from.maker(), func(blobs string) ([]layer, error) {
		return mapLayers(blobs, from, func(i int, h *tar.Header, r io.Reader, w *layerWriter) error {
			if i > 0 && !inFolders(h.Name) || i > 0 && h.Typeflag == tar.TypeLink && !inFolders(h.Linkname) {
				return nil
			}
			return put(w, h, r)
		})
	})
}

func inFolders(name string) bool {
	for _, f := range quarterFolders {
		if strings.HasPrefix(name, f+"/") {
			return true
		}
	}
	return false
}

// fourfold has everything of every layer four times, below other folders, so
// that packages multiply too.
func (s store) fourfold(from image) (image, error) {
	return s.image(fourfold, from.maker(), func(blobs string) ([]layer, error) {
		var layers []layer
		for _, l := range from.Layers {
			to, err := makeLayer(blobs, l.Comment, func(w *layerWriter) error {
				for _, prefix := range []string{"", "two/", "three/", "four/"} {
					err := readLayer(from.blobs(), l, func(h *tar.Header, r io.Reader) error {
						return put(w, below(prefix, h), r)
					})
					if err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
			layers = append(layers, to)
		}
		return layers, nil
	})
}

// below is the entry as it is below another root.
func below(prefix string, h *tar.Header) *tar.Header {
	moved := *h
	moved.Name = prefix + h.Name
	if h.Typeflag == tar.TypeLink {
		moved.Linkname = prefix + h.Linkname
	}
	return &moved
}

// dealt is how many layers each layer of the reference image is dealt out to.
const dealt = 8

// forty has what the reference image has, dealt out to forty layers. Every
// layer adds a folder that the next one deletes or makes anew.
func (s store) forty(from image) (image, error) {
	return s.image(forty, from.maker(), func(blobs string) ([]layer, error) {
		var layers []layer
		for _, l := range from.Layers {
			more, err := deal(blobs, from, l, len(layers))
			if err != nil {
				return nil, err
			}
			layers = append(layers, more...)
		}
		return layers, nil
	})
}

func deal(blobs string, from image, l layer, first int) (_ []layer, err error) {
	var to [dealt]*layerWriter
	for i := range to {
		if to[i], err = newLayer(blobs, fmt.Sprintf("%s, part %d", l.Comment, i+1)); err != nil {
			return nil, err
		}
		if err := passing(to[i], first+i); err != nil {
			return nil, err
		}
	}
	n, where := 0, map[string]int{} // a hard link goes where its target went
	err = readLayer(from.blobs(), l, func(h *tar.Header, r io.Reader) error {
		n++
		i := n * dealt / (l.Entries + 1)
		switch {
		case isWhiteout(h.Name):
			i = 0 // above, it would delete what this layer itself adds
		case h.Typeflag == tar.TypeLink:
			i = where[h.Linkname]
		}
		where[h.Name] = i
		return put(to[i], h, r)
	})
	if err != nil {
		return nil, err
	}
	var layers []layer
	for _, w := range to {
		made, err := w.finish()
		if err != nil {
			return nil, err
		}
		layers = append(layers, made)
	}
	return layers, nil
}

// passing adds a folder to the layer at number, and takes away that of the
// layer below: by a whiteout, or by an opaque mark every other time.
func passing(w *layerWriter, number int) error {
	files := []file{{fmt.Sprintf("var/tmp/build%d/state", number), 0o600, []byte("building\n")}}
	if number > 0 {
		last := fmt.Sprintf("var/tmp/build%d", number-1)
		if number%2 == 0 {
			files = append(files, file{path.Join(path.Dir(last), whiteoutPrefix+path.Base(last)), 0o600, nil})
		} else {
			files = append(files, file{path.Join(last, opaqueMark), 0o600, nil})
		}
	}
	return writeFiles(w, files)
}

// tiny has one layer of many tiny files.
func (s store) tiny(name string, count int) (image, error) {
	return s.image(name, maker(), func(blobs string) ([]layer, error) {
		l, err := makeLayer(blobs, "tiny files", func(w *layerWriter) error {
			made := map[string]bool{}
			for i := range count {
				dir := fmt.Sprintf("data/%02x/%02x", i%256, i/256%64)
				if err := makeFolders(w, made, dir); err != nil {
					return err
				}
				text := fmt.Sprintf("record %d of %d\nvalue = %x\n", i, count, uint64(i)*0x9e3779b97f4a7c15)
				h := &tar.Header{Typeflag: tar.TypeReg, Name: fmt.Sprintf("%s/item-%07d.txt", dir, i), Mode: 0o644, Size: int64(len(text)), ModTime: latest}
				if err := put(w, h, strings.NewReader(text)); err != nil {
					return err
				}
			}
			return nil
		})
		return []layer{l}, err
	})
}

// mapLayers makes every layer anew from what visit writes of its entries.
func mapLayers(blobs string, from image, visit func(i int, h *tar.Header, r io.Reader, w *layerWriter) error) ([]layer, error) {
	var layers []layer
	for i, l := range from.Layers {
		to, err := makeLayer(blobs, l.Comment, func(w *layerWriter) error {
			return readLayer(from.blobs(), l, func(h *tar.Header, r io.Reader) error { return visit(i, h, r, w) })
		})
		if err != nil {
			return nil, err
		}
		layers = append(layers, to)
	}
	return layers, nil
}

func put(w *layerWriter, h *tar.Header, r io.Reader) error {
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err := io.Copy(w, r)
	return err
}
