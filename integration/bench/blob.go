package main

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
)

// layer is one layer of an image, as a gzip blob of an OCI layout.
type layer struct {
	Digest   string // of the blob, sha256:…
	DiffID   string // of the inflated layer, sha256:…
	Size     int64  // bytes of the blob
	Inflated int64  // bytes
	Entries  int
	Comment  string // what made it
}

// layerWriter writes a layer's blob into a folder of blobs while it is made.
type layerWriter struct {
	*tar.Writer
	layer     layer
	blobs     string
	file      *os.File
	buffer    *bufio.Writer
	zip       *gzip.Writer
	blob, all counted
}

// counted is a digest of what was written, and its length.
type counted struct {
	h interface {
		io.Writer
		Sum([]byte) []byte
	}
	n int64
}

func (c *counted) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return c.h.Write(p)
}

func (c *counted) digest() string { return "sha256:" + hex.EncodeToString(c.h.Sum(nil)) }

// newLayer starts a layer. Gzip is at its default level, as registries hold it.
func newLayer(blobs, comment string) (*layerWriter, error) {
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(blobs, "partial-")
	if err != nil {
		return nil, err
	}
	w := &layerWriter{blobs: blobs, file: f, layer: layer{Comment: comment}}
	w.blob.h, w.all.h = sha256.New(), sha256.New()
	w.buffer = bufio.NewWriterSize(io.MultiWriter(f, &w.blob), 1<<16)
	w.zip = gzip.NewWriter(w.buffer)
	w.Writer = tar.NewWriter(io.MultiWriter(w.zip, &w.all))
	return w, nil
}

func (w *layerWriter) WriteHeader(h *tar.Header) error {
	w.layer.Entries++
	return w.Writer.WriteHeader(h)
}

// finish gives the layer its name among the blobs.
func (w *layerWriter) finish() (layer, error) {
	err := errors.Join(w.Writer.Close(), w.zip.Close(), w.buffer.Flush(), w.file.Chmod(0o644), w.file.Close())
	l := w.layer
	l.Digest, l.Size, l.DiffID, l.Inflated = w.blob.digest(), w.blob.n, w.all.digest(), w.all.n
	if err != nil {
		return l, errors.Join(err, os.Remove(w.file.Name()))
	}
	return l, os.Rename(w.file.Name(), blobPath(w.blobs, l.Digest))
}

func (w *layerWriter) discard() {
	w.file.Close()
	os.Remove(w.file.Name())
}

// makeLayer writes one layer with fill.
func makeLayer(blobs, comment string, fill func(*layerWriter) error) (layer, error) {
	w, err := newLayer(blobs, comment)
	if err != nil {
		return layer{}, err
	}
	if err := fill(w); err != nil {
		w.discard()
		return layer{}, err
	}
	return w.finish()
}

func blobPath(blobs, digest string) string { return filepath.Join(blobs, digest[len("sha256:"):]) }

// readLayer visits the entries of a layer; r is the entry's content.
func readLayer(blobs string, l layer, visit func(h *tar.Header, r io.Reader) error) error {
	f, err := os.Open(blobPath(blobs, l.Digest))
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(bufio.NewReaderSize(f, 1<<16))
	if err != nil {
		return err
	}
	t := tar.NewReader(z)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := visit(h, t); err != nil {
			return err
		}
	}
}
