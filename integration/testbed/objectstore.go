package main

import (
	"context"
	"os"
)

const (
	objectStoreKey    = "tests"
	objectStoreSecret = "only-for-tests"
)

// startObjectStore starts an S3-compatible store in a folder.
func startObjectStore(ctx context.Context, b *bed) ([]string, error) {
	at, err := freePort()
	if err != nil {
		return nil, err
	}
	folder := b.path("objects")
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, err
	}
	err = b.start(ctx, "object-store", dial("tcp", at), "versitygw",
		"--port", at, "--access", objectStoreKey, "--secret", objectStoreSecret, "--quiet", "posix", folder)
	return []string{
		"TIDEPOLE_TEST_S3=http://" + at,
		"TIDEPOLE_TEST_S3_KEY=" + objectStoreKey,
		"TIDEPOLE_TEST_S3_SECRET=" + objectStoreSecret,
	}, err
}
