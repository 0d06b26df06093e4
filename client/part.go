package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

// part brings one part to the server, unless it is there.
func (u *upload) part(ctx context.Context, p bundle.Part) error {
	ask := u.resumed
	return u.client.persist(ctx, u.client.retry.Import, func(ctx context.Context) error {
		if ask {
			there, err := u.there(ctx, p)
			if err != nil || there {
				return u.explain(ctx, err)
			}
		}
		ask = true // from now on an answer may have been lost
		l, err := u.load(ctx, p)
		if err != nil {
			return fmt.Errorf("upload %s: %w", p.Kind, err)
		}
		return u.explain(ctx, u.send(ctx, p, l))
	})
}

// load prepares a part for sending, once for all tries.
func (u *upload) load(ctx context.Context, p bundle.Part) (*load, error) {
	if l, ok := u.loads[p.Kind]; ok {
		return l, nil
	}
	l, err := newLoad(ctx, p, u.client.tempDir)
	if err != nil {
		return nil, err
	}
	if u.loads == nil {
		u.loads = map[bundle.Kind]*load{}
	}
	u.loads[p.Kind] = l
	return l, nil
}

// call is a request about one part of the operation.
func (u *upload) call(doing string, p bundle.Part) call {
	return call{
		doing: fmt.Sprintf("%s %s", doing, p.Kind),
		route: wire.RoutePart, values: []string{u.operation, wire.PartName(string(p.Kind))},
	}
}

// there tells whether the server has the part.
func (u *upload) there(ctx context.Context, p bundle.Part) (bool, error) {
	k := u.call("look for", p)
	var records []partRecord
	k.take = into(k.doing, &records)
	if err := u.client.try(ctx, k); err != nil {
		return false, err
	}
	i := slices.IndexFunc(records, func(r partRecord) bool { return plain(r.Digest) == plain(p.Digest) })
	if i < 0 {
		return false, nil
	}
	u.sent[string(p.Kind)] = records[i].Digest
	u.client.progress(Progress{Stage: "upload", Item: string(p.Kind), Done: p.Size, Total: p.Size, Finished: true})
	return true, nil
}

// partRecord is an upload that the server has; some servers give the digest alone.
type partRecord struct{ wire.PartRecord }

func (r *partRecord) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &r.Digest)
	}
	return json.Unmarshal(data, &r.PartRecord)
}

// send uploads a part, and sees to it that what arrived is what was sent. A
// server that does not unpack gets the part unpacked.
func (u *upload) send(ctx context.Context, p bundle.Part, l *load) error {
	var done wire.Upload
	k := u.call("upload", p)
	k.method = post
	k.body = l.body(func(n int64) {
		u.client.progress(Progress{Stage: "upload", Item: string(p.Kind), Done: n, Total: l.length})
	})
	k.take = into(k.doing, &done)
	err := u.client.try(ctx, k)
	if l.encoding != "" && misread(err, done, l) {
		l.unpack()
		return u.send(ctx, p, l)
	}
	if err != nil {
		return err
	}
	if plain(done.Digest) != plain(p.Digest) {
		return fault.New(fault.Unavailable, "%s: %s received %q instead of %s", k.doing, u.client.base, cutShort(done.Digest), p.Digest).
			WithHint("something between here and the server changes what is sent")
	}
	u.sent[string(p.Kind)] = done.Digest
	u.client.progress(Progress{Stage: "upload", Item: string(p.Kind), Done: l.length, Total: l.length, Finished: true})
	return nil
}

// misread tells whether the server took what was compressed for the part itself.
func misread(err error, done wire.Upload, l *load) bool {
	if err == nil {
		return plain(done.Digest) == l.packed
	}
	kind := fault.Of(err)
	return kind == fault.Unsupported || kind == fault.Invalid
}

// plain is a digest without its algorithm.
func plain(digest string) string { return strings.TrimPrefix(digest, "sha256:") }

// cutShort keeps a stranger's text short.
func cutShort(s string) string { return s[:min(len(s), 80)] }

// mediaTypeOf is what a part is sent as.
func mediaTypeOf(p bundle.Part) string {
	switch {
	case p.MediaType != "":
		return p.MediaType
	case p.Kind == bundle.Dockerfile:
		return "text/plain; charset=utf-8"
	}
	return "application/json"
}

// counted tells how much was read so far.
type counted struct {
	io.ReadCloser
	n    int64
	tell func(int64)
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	c.n += int64(n)
	if n > 0 {
		c.tell(c.n)
	}
	return n, err
}
