package main

import (
	"bytes"
	"crypto/sha256"
	"io"
	"os"
)

// sameFile says whether two files have the same bytes.
func sameFile(a, b string) bool {
	x, err := fileSum(a)
	y, other := fileSum(b)
	return err == nil && other == nil && bytes.Equal(x, y)
}

func fileSum(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return h.Sum(nil), err
}
