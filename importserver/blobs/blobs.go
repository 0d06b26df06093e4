// Package blobs keeps evidence under the digest of its bytes, compressed. What
// was written once is shared by whoever brings the same bytes.
//
// Several processes may use one store. What keeps them from removing what another
// is about to use is not here but in the rows on blobs (see
// store.Tx.TouchBlob): a blob's key has a generation besides its digest, and no
// generation is ever used again. So to write a blob twice, or to delete one late,
// does no harm.
package blobs

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
)

// Store is a place for blobs: a folder, or a bucket of an object store. It is
// safe for concurrent use.
type Store struct {
	backend
	temp     string
	observer Observer               // told of every operation; may be nil
	claimed  atomic.Pointer[string] // the installation whose it is; nil before Claim
}

// backend is what a driver opens.
type backend struct {
	place  string // for people: a folder, or a bucket and where it is
	folder string // "" where it is none
	bucket *blob.Bucket
	// abandon gives up what was begun before since and is no object yet; nil where
	// such things are objects.
	abandon func(ctx context.Context, since time.Time) (int, error)
}

// New keeps blobs in a bucket, and what is not yet complete below temp. Close
// closes the bucket.
func New(bucket *blob.Bucket, temp string) *Store {
	return &Store{backend: backend{place: "a bucket", bucket: bucket}, temp: temp}
}

// Close ends the use of the bucket.
func (s *Store) Close() error { return s.bucket.Close() }

// String is where the blobs are, for people.
func (s *Store) String() string { return s.place }

// Keep puts what was staged under a key of its digest, in the place of what may be
// there: to bring what somebody else has brought already must cost the same as to
// bring what is new, and what was damaged is whole again. Either the whole blob is
// there afterwards, for good, or what was there before. A folder that is no more the one
// that was claimed, as something is not mounted there any more, is fault.Unavailable.
func (s *Store) Keep(ctx context.Context, k Key, staged *Staged) (err error) {
	defer s.observe("keep", time.Now(), &err)
	name, err := k.Name()
	if err != nil {
		return err
	}
	if k.Digest != staged.Digest {
		return mismatch(k, staged)
	}
	if owner := s.claimed.Load(); s.folder != "" && owner != nil { // a bucket has no other in its place
		if err := s.Reach(ctx, *owner); err != nil {
			return err
		}
	}
	return s.failed(ctx, s.upload(ctx, name, staged.path), "keep %s", k.Digest)
}

// Check reads a blob to its end and tells its size, unpacked. Errors are Open's.
func (s *Store) Check(ctx context.Context, k Key) (int64, error) {
	r, err := s.Open(ctx, k)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return io.Copy(io.Discard, r)
}

// uploads is how many pieces of one long blob are under way at a time; each is
// in memory meanwhile.
const uploads = 2

func (s *Store) upload(ctx context.Context, name, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // before Close it gives the blob up
	var file *os.File
	w, err := s.bucket.NewWriter(ctx, name, &blob.WriterOptions{
		ContentType: "application/zstd", MaxConcurrency: uploads,
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
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) { // some network file systems have no such thing
		err = nil
	}
	return errors.Join(err, d.Close())
}

// Delete removes a blob; one that is absent is no error.
func (s *Store) Delete(ctx context.Context, k Key) (err error) {
	defer s.observe("delete", time.Now(), &err)
	name, err := k.Name()
	if err != nil {
		return err
	}
	err = bounded(ctx, func(ctx context.Context) error { return s.bucket.Delete(ctx, name) })
	if s.absent(err) {
		return nil
	}
	return s.failed(ctx, err, "delete %s", k.Digest)
}

// absent tells whether an error means that there is no such object, though the
// bucket is there.
func (s *Store) absent(err error) bool {
	return gcerrors.Code(err) == gcerrors.NotFound && code(err) != noSuchBucket
}
