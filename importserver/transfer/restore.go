package transfer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver"
	"github.com/tidepole/tidepole/importserver/blobs"
	"github.com/tidepole/tidepole/importserver/store"
)

// Restore makes an installation of a backup, in a place that has none. It has a name of
// its own; blobs of that which the backup was made of are Options.TakeOver. The rows come
// last, and only when all else is there and has the digests of the index. Done again
// after an interruption it goes on.
func Restore(ctx context.Context, from io.Reader, to Place, o Options) (r Report, err error) {
	begun := time.Now()
	if err := os.MkdirAll(to.Dir, 0o700); err != nil {
		return r, fmt.Errorf("make the data folder: %w", err)
	}
	lock, err := importserver.Lock(to.Dir)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	temp, remove, err := o.ownTemp()
	if err != nil {
		return r, err
	}
	defer remove()
	rows, err := o.openRestored(ctx, to)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	at, err := blobs.Open(ctx, to.blobsURL(), temp)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, at.Close()) }()
	if err := at.Apart(to.Dir); err != nil {
		return r, err
	}
	in, err := newReader(from)
	if err != nil {
		return r, err
	}
	defer in.packed.Close()
	s := restorer{Options: o, to: to, temp: temp, in: in, rows: rows, blobs: at, files: map[string][]byte{}, here: map[blobs.Key]bool{}}
	err = s.restore(ctx, &r)
	r.Seconds = time.Since(begun).Seconds()
	return r, errors.Join(err, s.close())
}

// openRestored opens the rows to be filled, which only this user may read.
func (o Options) openRestored(ctx context.Context, to Place) (*store.Store, error) {
	if to.Store == "" {
		f, err := os.OpenFile(filepath.Join(to.Dir, importserver.RowsFile), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, fmt.Errorf("make the store: %w", err)
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
	rows, err := store.Open(ctx, to.storeURL())
	if err != nil {
		return nil, err
	}
	if err := unused(ctx, rows); err != nil {
		return nil, errors.Join(err, rows.Close())
	}
	return rows, nil
}

type restorer struct {
	Options
	to    Place
	temp  string
	in    *reader
	head  head
	name  string       // of the installation that it becomes
	rows  *store.Store // to fill
	blobs *blobs.Store // to fill

	snapshot *store.Store // the backup's rows; nil before they were read
	files    map[string][]byte
	has      map[blobs.Key]bool // blobs that are there already
	here     map[blobs.Key]bool // blobs of the backup
}

func (s *restorer) close() error {
	if s.snapshot == nil {
		return nil
	}
	return s.snapshot.Close()
}

func (s *restorer) restore(ctx context.Context, r *Report) error {
	index, err := s.read(ctx, r)
	if err != nil {
		return err
	}
	r.Installation, r.Damaged = s.name, index.Damaged
	all, err := s.complete(ctx, index)
	if err != nil {
		return err
	}
	s.say("reading %d blobs in %s", len(all), s.blobs)
	if err := s.verify(ctx, all, s.blobs, r); err != nil {
		return err
	}
	for name, data := range s.files {
		if err := putFile(filepath.Join(s.to.Dir, name), data); err != nil {
			return err
		}
		r.Files = append(r.Files, name)
	}
	slices.Sort(r.Files)
	s.say("copying the rows")
	if r.Tables, err = s.snapshot.Copy(ctx, s.rows); err != nil {
		return err
	}
	return os.Remove(filepath.Join(s.to.Dir, nameFile))
}

// read takes in all entries up to the index, whose digests must be theirs.
func (s *restorer) read(ctx context.Context, r *Report) (*index, error) {
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	var last *index
	var err error
	for err == nil && last == nil {
		err = s.in.next(func(name string, size int64, from io.Reader) error {
			var err error
			last, err = s.take(ctx, working, group, name, from, r)
			return err
		})
	}
	if err == io.EOF {
		err = broken(errors.New("its index is missing"))
	}
	if err == nil {
		err = s.in.end()
	}
	if err := errors.Join(group.Wait(), err); err != nil {
		return nil, err
	}
	seen := s.in.seen[:len(s.in.seen)-1]
	if !slices.Equal(seen, last.Entries) {
		return nil, broken(errors.New("its parts are not those of its index"))
	}
	return last, nil
}

// take takes an entry in, and gives the index when it is that.
func (s *restorer) take(ctx, working context.Context, group *errgroup.Group, name string, from io.Reader, r *Report) (*index, error) {
	blob, isBlob := strings.CutPrefix(name, blobFolder)
	switch {
	case s.head.Format == 0:
		return nil, s.begin(name, from)
	case name == rowsName && s.snapshot == nil:
		return nil, s.takeRows(ctx, from)
	case s.snapshot == nil:
		return nil, broken(fmt.Errorf("%.100q comes before the rows", name))
	case slices.Contains(Files, name):
		data, err := io.ReadAll(io.LimitReader(from, maxSmall))
		s.files[name] = data
		return nil, err
	case isBlob:
		return nil, s.takeBlob(ctx, working, group, blob, from, r)
	case name == indexName:
		i := &index{}
		if err := json.NewDecoder(io.LimitReader(from, maxIndex)).Decode(i); err != nil {
			return nil, broken(err)
		}
		_, err := io.Copy(io.Discard, from)
		return i, err
	}
	return nil, broken(fmt.Errorf("it has a part %.100q", name))
}

func (s *restorer) begin(name string, from io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(from, maxSmall))
	if err != nil {
		return err
	}
	if name != headName || json.Unmarshal(data, &s.head) != nil || s.head.Format < 1 || s.head.Installation == "" {
		return broken(errors.New("it does not begin as a backup does"))
	}
	if s.head.Format > format {
		return fault.New(fault.Unsupported, "read the backup: it has format %d, and this program knows up to %d", s.head.Format, format).
			WithHint("use tidepole %s, which wrote it, or a later release", s.head.Version)
	}
	return nil
}

func (s *restorer) takeRows(ctx context.Context, from io.Reader) error {
	path := filepath.Join(s.temp, rowsName)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if s.snapshot, err = store.Open(ctx, "sqlite:"+path); err != nil { // and bring it up to date
		return err
	}
	if err := s.rename(ctx); err != nil {
		return err
	}
	if s.has, err = s.claim(ctx, s.blobs, s.name); err != nil {
		return err
	}
	s.say("copying the blobs to %s", s.blobs)
	return nil
}

// nameFile, in the data folder, has the installation's name from the first run of a
// restore to the end of the last.
const nameFile = "restoring"

// rename makes the backup's rows an installation of its own: that of which the backup
// was made may go on, and each would take the other's blobs for rubbish.
func (s *restorer) rename(ctx context.Context) error {
	path := filepath.Join(s.to.Dir, nameFile)
	data, err := os.ReadFile(path)
	s.name = strings.TrimSpace(string(data))
	if s.name == "" {
		s.name = store.NewInstallation()
		err = os.WriteFile(path, []byte(s.name+"\n"), 0o600)
	}
	if err != nil {
		return fmt.Errorf("name the restored installation: %w", err)
	}
	return s.snapshot.InTx(ctx, func(tx *store.Tx) error { return tx.Rename(ctx, s.name) })
}

func (s *restorer) takeBlob(ctx, working context.Context, group *errgroup.Group, name string, from io.Reader, r *Report) error {
	k, ok := blobs.ParseName(name)
	if !ok {
		return broken(fmt.Errorf("no blob is called %.100q", name))
	}
	s.here[k] = true
	if s.has[k] {
		r.Found++
		_, err := io.Copy(io.Discard, from)
		return err
	}
	staged, err := s.blobs.StagePacked(ctx, from, k.Digest)
	if err != nil {
		return err
	}
	group.Go(func() error {
		defer staged.Discard()
		return s.blobs.Keep(working, k, staged)
	})
	return nil
}

// complete makes sure that the backup has all blobs that its rows refer to, and gives
// them.
func (s *restorer) complete(ctx context.Context, i *index) ([]store.BlobRow, error) {
	damaged := map[string]bool{}
	for _, d := range i.Damaged {
		damaged[d.Digest] = true
	}
	all, err := wanted(ctx, s.snapshot)
	if err != nil {
		return nil, err
	}
	for _, b := range all {
		if !s.here[blobs.Key(b.Blob)] && !damaged[b.Digest] {
			return nil, broken(fmt.Errorf("it lacks %s, which its rows refer to", b.Digest))
		}
	}
	return all, nil
}

// putFile writes a file that only this user may read. One that is there with another
// content stays, and is fault.Conflict.
func putFile(path string, data []byte) error {
	there, err := os.ReadFile(path)
	if err == nil && bytes.Equal(there, data) {
		return nil
	}
	if err == nil {
		return fault.New(fault.Conflict, "write %s: it is there already, and another", path).WithHint("restore into a folder that nothing is in")
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".restore-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
