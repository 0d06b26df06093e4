// Package transfer moves installations from one database and blob store to others,
// backs them up while their servers run, and restores them.
//
// Whatever is written is written so that it can be done again after an
// interruption: blobs first, under keys that mean nothing else, and then all rows
// in one transaction. A place that has rows is complete; a place that has none is
// nobody's yet.
package transfer

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver"
	"github.com/tidepole/tidepole/importserver/blobs"
	"github.com/tidepole/tidepole/importserver/store"
)

// Place says where an installation keeps what it has, as importserver.Options does.
type Place struct {
	Dir   string // the data folder
	Store string // URL of the rows; "": a SQLite file in Dir
	Blobs string // URL of the blobs; "": a folder in Dir
}

func (p Place) storeURL() string {
	if p.Store != "" {
		return p.Store
	}
	return "sqlite:" + filepath.Join(p.Dir, importserver.RowsFile)
}

func (p Place) blobsURL() string {
	if p.Blobs != "" {
		return p.Blobs
	}
	return importserver.BlobsDir(p.Dir)
}

// shown is where the rows are, for people: without a password.
func (p Place) shown() string {
	u, err := url.Parse(p.storeURL())
	if err != nil {
		return "another database"
	}
	at := url.URL{Scheme: u.Scheme, Opaque: u.Opaque, Host: u.Host, Path: u.Path}
	if schema := u.Query().Get("search_path"); schema != "" {
		at.RawQuery = url.Values{"search_path": {schema}}.Encode()
	}
	return at.String()
}

// there refuses a data folder without rows: to open the file would make it.
func (p Place) there() error {
	name := filepath.Join(p.Dir, importserver.RowsFile)
	if p.Store != "" {
		return nil
	}
	if _, err := os.Stat(name); err != nil {
		return fault.New(fault.NotFound, "open the installation in %s: %w", p.Dir, err).
			WithHint("--data DIR is the folder that tidepole serve was given; --store URL names the rows that are not in it")
	}
	return nil
}

// Options say how to do it.
type Options struct {
	Temp         string           // a folder for what is on its way: as large as the largest part of evidence, and for a backup as the rows
	TakeOver     string           // the installation, gone for good, whose blobs a restored one takes over; "": none
	AllStopped   bool             // no process runs that the rows know, whatever they say
	AllowDamaged bool             // go on although evidence is missing or damaged
	Progress     func(did string) // is told of each step; may be nil
	Version      string           // of this program
	Now          func() time.Time
}

func (o Options) say(format string, args ...any) {
	if o.Progress != nil {
		o.Progress(fmt.Sprintf(format, args...))
	}
}

// Report is what was done, and seen to be right.
type Report struct {
	Installation string         `json:"installation"`
	Tables       []store.Copied `json:"tables,omitempty"` // none where the rows stayed where they were
	Blobs        int            `json:"blobs"`
	BlobBytes    int64          `json:"blob_bytes"`        // unpacked
	Found        int            `json:"found,omitempty"`   // of the blobs, those that an interrupted run had brought
	Damaged      []Damage       `json:"damaged,omitempty"` // evidence that was not there, or not as it was
	Files        []string       `json:"files,omitempty"`   // of the data folder, those that a backup has
	Seconds      float64        `json:"seconds"`
}

// Rows is how many rows there are.
func (r Report) Rows() (n int64) {
	for _, t := range r.Tables {
		n += t.Rows
	}
	return n
}

// Altered is how many rows the new database could not take as they were.
func (r Report) Altered() (n int64) {
	for _, t := range r.Tables {
		n += t.Altered
	}
	return n
}

// Damage is evidence that could not be read.
type Damage struct {
	Digest string   `json:"digest"`
	Why    string   `json:"why"`
	Images []string `json:"images"` // whose evidence it is; some of them, if they are many
}

// wanted are the blobs that rows refer to.
func wanted(ctx context.Context, rows *store.Store) (all []store.BlobRow, err error) {
	err = rows.View().Blobs(ctx, func(b store.BlobRow) error {
		if b.Used {
			all = append(all, b)
		}
		return nil
	})
	return all, err
}

// damage describes a blob that could not be read; any other error is given back.
func damage(ctx context.Context, rows *store.Store, b store.BlobRow, err error) (Damage, error) {
	absent := fault.Of(err) == fault.NotFound
	if damaged := fault.Of(err) == fault.Invalid; !absent && !damaged {
		return Damage{}, err
	}
	images, err := rows.View().BlobUsers(ctx, b.Digest, 10)
	d := Damage{Digest: b.Digest, Why: "its bytes are damaged", Images: images}
	if absent {
		d.Why = "it is missing"
	}
	return d, err
}

// refuse tells of damage, unless that is allowed.
func (o Options) refuse(doing string, all []Damage) error {
	if len(all) == 0 || o.AllowDamaged {
		return nil
	}
	var some []string
	for _, d := range all[:min(len(all), 5)] {
		one := fmt.Sprintf("%s (%s)", d.Digest, d.Why)
		if len(d.Images) > 0 {
			one += " of " + strings.Join(d.Images, ", ")
		}
		some = append(some, one)
	}
	return fault.New(fault.Conflict, "%s: %d parts of evidence cannot be read: %s", doing, len(all), strings.Join(some, "; ")).
		WithHint("analyse these images again with tidepole image add IMAGE --force, or go on without with --allow-damaged")
}

// ownTemp makes a folder for what is on its way.
func (o Options) ownTemp() (dir string, remove func(), err error) {
	dir, err = os.MkdirTemp(o.Temp, "tidepole-transfer-")
	if err != nil {
		return "", nil, fmt.Errorf("make a folder for what is on its way: %w", err)
	}
	return dir, func() { os.RemoveAll(dir) }, nil
}

// claim makes sure that a blob store is empty, was begun to be filled for the same
// installation, or is taken over, and tells what it has.
func (o Options) claim(ctx context.Context, to *blobs.Store, installation string) (map[blobs.Key]bool, error) {
	owner, err := to.Owner(ctx)
	if err != nil {
		return nil, err
	}
	has := map[blobs.Key]bool{}
	err = to.Each(ctx, func(k blobs.Key) error {
		has[k] = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	if owner == "" && len(has) > 0 {
		return nil, fault.New(fault.Conflict, "write to the blobs in %s: there are %d already", to, len(has)).WithHint("name an empty place, or a prefix: s3://BUCKET/PREFIX")
	}
	if owner != "" && owner == o.TakeOver {
		return has, to.TakeOver(ctx, installation)
	}
	return has, to.Claim(ctx, installation)
}

// idle refuses rows that a server or worker uses: the lock of a data folder tells of
// those on this machine only. How long one may be silent is its own matter, so that only
// its end, or what the other processes found, takes it off.
func (o Options) idle(ctx context.Context, rows *store.Store) error {
	if !rows.Shared() || o.AllStopped {
		return nil
	}
	all, err := rows.View().Processes(ctx)
	if err != nil {
		return err
	}
	for _, p := range all {
		if p.DownAt.IsZero() {
			return fault.New(fault.Conflict, "move the installation: %s %s on %s may be running; it was last heard of %s ago",
				p.Kind, p.Name, p.Host, o.Now().Sub(p.BeatAt).Round(time.Second)).
				WithHint("stop all servers and workers; --all-stopped says that they are, where some were killed")
		}
	}
	return nil
}
