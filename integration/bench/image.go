package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// image is one of the bench's images, kept in a folder: an OCI layout as a
// registry holds it (oci) and an archive as docker save writes it (image.tar).
type image struct {
	Name   string
	Maker  string // digest of what made it
	Layers []layer

	dir string
}

func (i image) layout() string  { return filepath.Join(i.dir, "oci") }
func (i image) blobs() string   { return filepath.Join(i.layout(), "blobs", "sha256") }
func (i image) archive() string { return filepath.Join(i.dir, "image.tar") }
func (i image) facts() string   { return filepath.Join(i.dir, "image.json") }

// tag is the reference within a registry and a daemon.
func (i image) tag() string { return "tidepole-bench/" + i.Name + ":1" }

func (i image) inflated() (n int64) {
	for _, l := range i.Layers {
		n += l.Inflated
	}
	return n
}

func (i image) size() (n int64) {
	for _, l := range i.Layers {
		n += l.Size
	}
	return n
}

func (i image) entries() (n int) {
	for _, l := range i.Layers {
		n += l.Entries
	}
	return n
}

const (
	mediaIndex    = "application/vnd.oci.image.index.v1+json"
	mediaManifest = "application/vnd.oci.image.manifest.v1+json"
	mediaConfig   = "application/vnd.oci.image.config.v1+json"
	mediaLayer    = "application/vnd.oci.image.layer.v1.tar"
	created       = "2025-06-01T00:00:00Z"
)

type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// complete writes what an image needs besides its layers. image.json is last:
// where it is, the image is whole.
func (i image) complete() error {
	config, err := i.config()
	if err != nil {
		return err
	}
	if err := i.writeLayout(config); err != nil {
		return err
	}
	if err := i.writeArchive(config); err != nil {
		return err
	}
	return writeJSON(i.facts(), i)
}

func (i image) config() ([]byte, error) {
	type history struct {
		Created   string `json:"created"`
		CreatedBy string `json:"created_by"`
	}
	var steps []history
	var ids []string
	for _, l := range i.Layers {
		steps, ids = append(steps, history{created, l.Comment}), append(ids, l.DiffID)
	}
	return json.Marshal(map[string]any{
		"created": created, "os": "linux", "architecture": runtime.GOARCH,
		"config":  map[string]any{"Env": []string{"PATH=/usr/local/bin:/usr/bin:/bin"}, "Cmd": []string{"/usr/local/bin/inventory"}},
		"rootfs":  map[string]any{"type": "layers", "diff_ids": ids},
		"history": steps,
	})
}

func (i image) writeLayout(config []byte) error {
	var layers []descriptor
	for _, l := range i.Layers {
		layers = append(layers, descriptor{MediaType: mediaLayer + "+gzip", Digest: l.Digest, Size: l.Size})
	}
	manifest, err := manifestOf(config, layers)
	if err != nil {
		return err
	}
	index, err := indexOf(manifest, i.tag())
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		blobPath(i.blobs(), digestOf(config)):   config,
		blobPath(i.blobs(), digestOf(manifest)): manifest,
		filepath.Join(i.layout(), "index.json"): index,
		filepath.Join(i.layout(), "oci-layout"): []byte(`{"imageLayoutVersion":"1.0.0"}`),
	} {
		if err := os.WriteFile(name, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func manifestOf(config []byte, layers []descriptor) ([]byte, error) {
	return json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": mediaManifest,
		"config": descriptor{MediaType: mediaConfig, Digest: digestOf(config), Size: int64(len(config))}, "layers": layers,
	})
}

func indexOf(manifest []byte, tag string) ([]byte, error) {
	d := descriptor{MediaType: mediaManifest, Digest: digestOf(manifest), Size: int64(len(manifest)), Annotations: map[string]string{"org.opencontainers.image.ref.name": "1", "io.containerd.image.name": "docker.io/" + tag}}
	return json.Marshal(map[string]any{"schemaVersion": 2, "mediaType": mediaIndex, "manifests": []descriptor{d}})
}

// writeArchive writes the image as docker save does: an OCI layout with layers
// as they are, and the manifest.json of old.
func (i image) writeArchive(config []byte) error {
	return writeFileBy(i.archive(), func(f io.Writer) error {
		w := tar.NewWriter(f)
		var layers []descriptor
		paths := []string{}
		written := map[string]bool{}
		for _, l := range i.Layers {
			layers = append(layers, descriptor{MediaType: mediaLayer, Digest: l.DiffID, Size: l.Inflated})
			paths = append(paths, memberPath(l.DiffID))
			if written[l.DiffID] {
				continue
			}
			written[l.DiffID] = true
			if err := i.copyLayer(w, l); err != nil {
				return err
			}
		}
		manifest, err := manifestOf(config, layers)
		if err != nil {
			return err
		}
		index, err := indexOf(manifest, i.tag())
		if err != nil {
			return err
		}
		old, err := json.Marshal([]map[string]any{{"Config": memberPath(digestOf(config)), "RepoTags": []string{i.tag()}, "Layers": paths}})
		if err != nil {
			return err
		}
		for _, m := range []file{
			{name: memberPath(digestOf(config)), data: config}, {name: memberPath(digestOf(manifest)), data: manifest},
			{name: "index.json", data: index}, {name: "manifest.json", data: old}, {name: "oci-layout", data: []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		} {
			if err := member(w, m.name, int64(len(m.data)), bytes.NewReader(m.data)); err != nil {
				return err
			}
		}
		return w.Close()
	})
}

func (i image) copyLayer(w *tar.Writer, l layer) error {
	f, err := os.Open(blobPath(i.blobs(), l.Digest))
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return err
	}
	return member(w, memberPath(l.DiffID), l.Inflated, z)
}

func member(w *tar.Writer, name string, size int64, r io.Reader) error {
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size, ModTime: latest}); err != nil {
		return err
	}
	_, err := io.Copy(w, r)
	return err
}

func memberPath(digest string) string { return "blobs/sha256/" + digest[len("sha256:"):] }

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}
