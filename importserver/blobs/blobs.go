// Package blobs keeps evidence under the digest of its bytes, compressed. What
// was written once is shared by whoever brings the same bytes.
package blobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	"gocloud.dev/gcerrors"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
)

// Store is a place for blobs: a folder, or a bucket of an object store. It is
// safe for concurrent use.
type Store struct {
	bucket *blob.Bucket
	temp   string
}

// OpenDir keeps blobs below dir, and what is not yet complete below temp. Both
// are made where absent.
func OpenDir(dir, temp string) (*Store, error) {
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	bucket, err := fileblob.OpenBucket(dir, &fileblob.Options{
		CreateDir: true, DirFileMode: 0o700, NoTempDir: true, Metadata: fileblob.MetadataDontWrite,
	})
	if err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	return New(bucket, temp), nil
}

// New keeps blobs in a bucket, and what is not yet complete below temp. Close
// closes the bucket.
func New(bucket *blob.Bucket, temp string) *Store { return &Store{bucket: bucket, temp: temp} }

// Close ends the use of the bucket.
func (s *Store) Close() error { return s.bucket.Close() }

// key is where a digest's blob lies: spread over 256 folders.
func key(digest string) (string, error) {
	if !reference.IsDigest(digest) {
		return "", fault.New(fault.Invalid, "%q is not a digest", digest)
	}
	hex := strings.TrimPrefix(digest, "sha256:")
	return "sha256/" + hex[:2] + "/" + hex + ".zst", nil
}

// Keep puts what was staged under its digest. A blob that is there already stays
// as it is, unless it is damaged. Either the whole blob is there afterwards, on
// disk, or what was there before.
func (s *Store) Keep(ctx context.Context, staged *Staged) error {
	if s.whole(ctx, staged.Digest) {
		return nil
	}
	k, err := key(staged.Digest)
	if err != nil {
		return err
	}
	return storage(s.upload(ctx, k, staged.path), "keep %s", staged.Digest)
}

// whole tells whether a blob is there and has its digest.
func (s *Store) whole(ctx context.Context, digest string) bool {
	r, err := s.Open(ctx, digest)
	if err != nil {
		return false
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	return err == nil
}

func (s *Store) upload(ctx context.Context, key, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // before Close it gives the blob up
	var file *os.File
	w, err := s.bucket.NewWriter(ctx, key, &blob.WriterOptions{
		ContentType: "application/zstd",
		BeforeWrite: func(as func(any) bool) error {
			as(&file)
			return nil
		},
	})
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, in); err != nil {
		cancel()
		return errors.Join(err, w.Close())
	}
	if file == nil {
		return w.Close()
	}
	if err := file.Sync(); err != nil {
		cancel()
		return errors.Join(err, w.Close())
	}
	folder := filepath.Dir(file.Name())
	if err := w.Close(); err != nil {
		return err
	}
	return syncDir(folder)
}

// syncDir makes a rename in a folder outlive a power cut.
func syncDir(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Delete removes a blob; one that is absent is no error.
func (s *Store) Delete(ctx context.Context, digest string) error {
	k, err := key(digest)
	if err != nil {
		return err
	}
	err = s.bucket.Delete(ctx, k)
	if gcerrors.Code(err) == gcerrors.NotFound {
		return nil
	}
	return storage(err, "delete %s", digest)
}

// Sweep removes what earlier processes left incomplete and did not touch since.
func (s *Store) Sweep(ctx context.Context, since time.Time) (int, error) {
	n := 0
	list := s.bucket.List(nil)
	for {
		o, err := list.Next(ctx)
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, storage(err, "list blobs")
		}
		if strings.HasSuffix(o.Key, ".zst") || o.ModTime.After(since) {
			continue
		}
		if err := s.bucket.Delete(ctx, o.Key); err != nil && gcerrors.Code(err) != gcerrors.NotFound {
			return n, storage(err, "delete %s", o.Key)
		}
		n++
	}
}

// storage makes a fault of an error that is the storage's and not the data's:
// trying again may help.
func storage(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	f := fault.New(fault.Unavailable, format+": %w", append(args, err)...)
	if errors.Is(err, syscall.ENOSPC) {
		f.WithHint("free space in the server's data directory")
	}
	return f
}
