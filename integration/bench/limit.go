package main

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
)

// runLimit inflates and hashes the layers of an image with the standard
// library, on all cores, and does nothing else: what no program that verifies
// an image with it can be faster than.
func runLimit(dir string) error {
	i, err := image{dir: dir}.read()
	if err != nil {
		return err
	}
	layers := make(chan layer)
	errs := make(chan error, len(i.Layers))
	var done sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		done.Go(func() {
			for l := range layers {
				errs <- verify(i.blobs(), l)
			}
		})
	}
	for _, l := range i.Layers {
		layers <- l
	}
	close(layers)
	done.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func verify(blobs string, l layer) error {
	f, err := os.Open(blobPath(blobs, l.Digest))
	if err != nil {
		return err
	}
	defer f.Close()
	blob, all := sha256.New(), sha256.New()
	r := bufio.NewReaderSize(io.TeeReader(f, blob), 1<<16)
	z, err := gzip.NewReader(r)
	if err != nil {
		return err
	}
	if _, err := io.Copy(all, z); err != nil {
		return err
	}
	if got := fmt.Sprintf("sha256:%x", all.Sum(nil)); got != l.DiffID {
		return fmt.Errorf("layer %s inflates to %s", l.Digest, got)
	}
	if got := fmt.Sprintf("sha256:%x", blob.Sum(nil)); got != l.Digest {
		return fmt.Errorf("layer %s has the digest %s", l.Digest, got)
	}
	return nil
}
