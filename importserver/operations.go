package importserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

const (
	maxListed  = 1000 // operations in one answer
	maxUploads = 64   // different parts of one operation
)

// OpenOperation begins an import. It lives for Options.ImportTTL. An account may
// have Options.MaxImports open.
func (a *Account) OpenOperation(ctx context.Context) (wire.Operation, error) {
	now := a.server.now()
	o := store.Operation{
		ID: newUUID(), Account: a.name, Status: wire.OperationPending,
		CreatedAt: now, UpdatedAt: now, ExpiresAt: now.Add(a.server.options.ImportTTL),
	}
	err := a.inTx(ctx, func(tx *store.Tx) error {
		open, err := tx.OpenOperations(ctx, a.name, o.Status, now)
		if err != nil {
			return err
		}
		if most := a.server.options.MaxImports; open >= most {
			return fault.New(fault.Invalid, "%d import operations are open, and no more than %d may be", open, most).
				WithHint("finish or delete some; what is left open ends by itself after %s", a.server.options.ImportTTL)
		}
		return tx.InsertOperation(ctx, o)
	})
	return operationOf(o), err
}

func operationOf(o store.Operation) wire.Operation {
	return wire.Operation{UUID: o.ID, Status: o.Status, CreatedAt: o.CreatedAt, ExpiresAt: o.ExpiresAt}
}

// newUUID is a random UUID (version 4, RFC 9562).
func newUUID() string {
	var b [16]byte
	rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// operation is the account's import of an id. One whose time is over is expired,
// whether or not the housekeeper has been there.
func (a *Account) operation(ctx context.Context, id string) (store.Operation, error) {
	o, err := a.server.store.View().Operation(ctx, a.name, id)
	if errors.Is(err, store.ErrNone) {
		return o, fault.New(fault.NotFound, "there is no import operation %.100q", id)
	}
	if err == nil && o.Status == wire.OperationPending && !o.ExpiresAt.After(a.server.now()) {
		o.Status = wire.OperationExpired
	}
	return o, err
}

// Operation is an import's state.
func (a *Account) Operation(ctx context.Context, id string) (wire.Operation, error) {
	o, err := a.operation(ctx, id)
	if err != nil {
		return wire.Operation{}, err
	}
	return operationOf(o), nil
}

// Operations are the account's newest imports.
func (a *Account) Operations(ctx context.Context) ([]wire.Operation, error) {
	all, err := a.server.store.View().Operations(ctx, a.name, maxListed)
	list := []wire.Operation{}
	for _, o := range all {
		list = append(list, operationOf(o))
	}
	return list, err
}

// DeleteOperation gives an import up; one that has ended stays as it is.
func (a *Account) DeleteOperation(ctx context.Context, id string) (wire.Operation, error) {
	if _, err := a.operation(ctx, id); err != nil {
		return wire.Operation{}, err
	}
	err := a.inTx(ctx, func(tx *store.Tx) error {
		_, err := tx.MoveOperation(ctx, id, wire.OperationPending, wire.OperationInvalidated, a.server.now())
		return err
	})
	if err != nil {
		return wire.Operation{}, err
	}
	return a.Operation(ctx, id)
}

// uploading is the import of an id, if it takes a part of that kind.
func (a *Account) uploading(ctx context.Context, id, kind string) (store.Operation, error) {
	if !isKind(kind) {
		return store.Operation{}, fault.New(fault.NotFound, "there is no import part %.100q", kind)
	}
	o, err := a.operation(ctx, id)
	if err == nil && o.Status != wire.OperationPending {
		err = fault.New(fault.Conflict, "import operation status does not allow uploads: %s is %s", id, o.Status).WithDetail("status", o.Status)
	}
	return o, err
}

// Upload takes a part of an import in. The same bytes again are the same upload.
func (a *Account) Upload(ctx context.Context, id, kind, mediaType string, r io.Reader) (wire.Upload, error) {
	o, err := a.uploading(ctx, id, kind)
	if err != nil {
		return wire.Upload{}, err
	}
	if err := a.mayUpload(ctx, a.server.store.View()); err != nil {
		return wire.Upload{}, err
	}
	p, err := a.server.keep(ctx, bundle.Kind(kind), plainType(mediaType), r)
	if err != nil {
		return wire.Upload{}, err
	}
	err = a.inTx(ctx, func(tx *store.Tx) error {
		p, err = a.record(ctx, tx, o, p)
		return err
	})
	if err != nil {
		return wire.Upload{}, err
	}
	return wire.Upload{Digest: strings.TrimPrefix(p.Digest, "sha256:"), CreatedAt: p.CreatedAt}, nil
}

// mayUpload refuses uploads of an account whose open imports have received too much.
func (a *Account) mayUpload(ctx context.Context, tx *store.Tx) error {
	n, err := tx.OpenBytes(ctx, a.name, wire.OperationPending, a.server.now())
	if most := a.server.options.MaxOpen; err == nil && n > most {
		err = fault.New(fault.TooLarge, "too large: the account's open import operations have received %d bytes together, and no more than %d may be", n, most).
			WithHint("finish or delete some; what is left open ends by itself after %s", a.server.options.ImportTTL)
	}
	return err
}

// record notes an upload, if the operation still takes it.
func (a *Account) record(ctx context.Context, tx *store.Tx, o store.Operation, p store.Part) (store.Part, error) {
	now, err := tx.Operation(ctx, a.name, o.ID)
	if err != nil && !errors.Is(err, store.ErrNone) {
		return p, err
	}
	if now.Status != wire.OperationPending {
		return p, fault.New(fault.Conflict, "import operation %s ended during the upload", o.ID)
	}
	p, err = tx.AddOperationPart(ctx, o.ID, p)
	if err == nil {
		err = a.mayUpload(ctx, tx)
	}
	if err != nil {
		return p, err
	}
	all, err := tx.OperationParts(ctx, o.ID)
	if err == nil && len(all) > maxUploads {
		err = fault.New(fault.Invalid, "import operation %s: more than %d different parts were uploaded", o.ID, maxUploads)
	}
	return p, err
}

// Uploads are the parts of a kind that an import has received.
func (a *Account) Uploads(ctx context.Context, id, kind string) ([]wire.PartRecord, error) {
	if !isKind(kind) {
		return nil, fault.New(fault.NotFound, "there is no import part %.100q", kind)
	}
	if _, err := a.operation(ctx, id); err != nil {
		return nil, err
	}
	parts, err := a.server.store.View().OperationParts(ctx, id)
	list := []wire.PartRecord{}
	for _, p := range parts {
		if p.Kind == kind {
			list = append(list, wire.PartRecord{
				CreatedAt: p.CreatedAt.Format(time.RFC3339), Digest: strings.TrimPrefix(p.Digest, "sha256:"),
			})
		}
	}
	return list, err
}

// plainType is a media type without parameters; "" where it is none.
func plainType(s string) string {
	t, _, err := mime.ParseMediaType(s)
	if err != nil || len(t) > 200 {
		return ""
	}
	return t
}
