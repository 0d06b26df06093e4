package blobs

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"gocloud.dev/blob"

	"github.com/tidepole/tidepole/formats/fault"
)

// ownerName is the object that says whose the store is.
const ownerName = "installation"

// maxOwner bounds what is read of it, in bytes.
const maxOwner = 200

// Owner is the installation whose blobs these are; "" where none is named.
func (s *Store) Owner(ctx context.Context) (string, error) {
	var owner []byte
	err := bounded(ctx, func(ctx context.Context) error {
		r, err := s.bucket.NewReader(ctx, ownerName, nil)
		if err != nil {
			return err
		}
		defer r.Close()
		owner, err = io.ReadAll(io.LimitReader(r, maxOwner))
		return err
	})
	if s.absent(err) {
		return "", nil
	}
	return strings.TrimSpace(string(owner)), s.failed(ctx, err, "read whose %s is", s.place)
}

// Claim makes the store an installation's. One that is another's already is
// fault.Conflict: each would take the other's blobs for rubbish. So is one that
// nobody claimed and that has something else in it than blobs.
func (s *Store) Claim(ctx context.Context, installation string) error {
	owner, err := s.Owner(ctx)
	if err != nil {
		return err
	}
	if owner == installation {
		s.claimed.Store(&installation)
		return nil
	}
	if owner != "" {
		return fault.New(fault.Conflict, "use the blobs in %s: they belong to another installation (%.100q; this one is %q)", s.place, owner, installation).
			WithHint("give each installation a bucket, a prefix in a bucket (s3://BUCKET/PREFIX) or a folder of its own; if the other's rows were lost: tidepole system restore --take-over %.100s", owner)
	}
	if err := s.alone(ctx); err != nil {
		return err
	}
	return s.TakeOver(ctx, installation)
}

// TakeOver makes the store an installation's, whose ever it was: that one must never
// use it again.
func (s *Store) TakeOver(ctx context.Context, installation string) error {
	err := bounded(ctx, func(ctx context.Context) error {
		return s.bucket.WriteAll(ctx, ownerName, []byte(installation+"\n"), &blob.WriterOptions{ContentType: "text/plain"})
	})
	if err == nil {
		s.claimed.Store(&installation)
	}
	return s.failed(ctx, err, "say whose %s is", s.place)
}

// alone refuses a place in which there is something that is no blob: it would be
// among what is listed for good, and whoever put it there does not expect company.
func (s *Store) alone(ctx context.Context) error {
	return s.objects(ctx, "", func(o *blob.ListObject) error {
		name := o.Key
		if of, half := unfinished(name); half {
			name = of
		}
		// An object store's own tools write one without a name for a prefix.
		if _, ours := ParseName(name); ours || name == ownerName || name == "" {
			return nil
		}
		return fault.New(fault.Conflict, "use %s for blobs: there is something else in it: %.200q", s.place, o.Key).
			WithHint("name a folder that nothing is in, or that is not there yet; in a bucket with other things, a prefix of its own: s3://BUCKET/PREFIX")
	})
}

// Each visits the keys of all blobs, in no order.
func (s *Store) Each(ctx context.Context, visit func(Key) error) error {
	return s.spread(ctx, func(o *blob.ListObject) error {
		if k, ok := ParseName(o.Key); ok {
			return visit(k)
		}
		return nil
	})
}

// spread visits what lies where blobs do. For each page of a list a folder is gone
// through as a whole, so that the folders that they are spread over are listed one by
// one.
func (s *Store) spread(ctx context.Context, visit func(*blob.ListObject) error) error {
	if s.folder == "" {
		return s.objects(ctx, "", visit)
	}
	for n := range 256 {
		if err := s.objects(ctx, fmt.Sprintf("sha256/%02x/", n), visit); err != nil {
			return err
		}
	}
	return nil
}

// objects visits what lies below a prefix.
func (s *Store) objects(ctx context.Context, prefix string, visit func(*blob.ListObject) error) error {
	for token := blob.FirstPageToken; token != nil; {
		var page []*blob.ListObject
		err := bounded(ctx, func(ctx context.Context) (err error) {
			page, token, err = s.bucket.ListPage(ctx, token, 1000, &blob.ListOptions{Prefix: prefix})
			return err
		})
		if err != nil {
			return s.failed(ctx, err, "list the blobs in %s", s.place)
		}
		for _, o := range page {
			if err := visit(o); err != nil {
				return err
			}
		}
	}
	return nil
}

// Sweep removes what earlier processes left incomplete of blobs and did not touch
// since, and tells how much that was. What is named otherwise is not theirs.
func (s *Store) Sweep(ctx context.Context, since time.Time) (n int, err error) {
	if s.abandon != nil {
		n, err = s.abandon(ctx, since)
		return n, s.failed(ctx, err, "give up unfinished uploads to %s", s.place)
	}
	err = s.spread(ctx, func(o *blob.ListObject) error {
		of, half := unfinished(o.Key)
		if _, ours := ParseName(of); !half || !ours || o.ModTime.After(since) {
			return nil
		}
		if err := s.bucket.Delete(ctx, o.Key); err != nil && !s.absent(err) {
			return s.failed(ctx, err, "delete %s", o.Key)
		}
		n++
		return nil
	})
	return n, err
}
