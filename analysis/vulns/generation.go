package vulns

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/grype/grype/vulnerability"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/report"
)

// What lies in the folder. A generation never changes once it has its name.
const (
	currentFile   = "current" // names the generation in use; replaced by rename
	lockFile      = "lock"    // held by who imports or sweeps
	recordFile    = "tidepole.json"
	stagingPrefix = "staging-"
	namePrefix    = "db-"
)

// record is what is kept beside a database.
type record struct {
	report.Database
	Size int64  `json:"size"`           // bytes of the database's file
	ETag string `json:"etag,omitempty"` // of the archive, where it was downloaded by its own URL
}

// generation is a database in use. Its lock keeps other processes from
// removing its folder.
type generation struct {
	name     string
	record   record
	reader   v6.Reader
	provider vulnerability.Provider
	answers  *answers
	silence  *silence
	records  *records
	distros  *distros
	hold     *os.File

	// Guarded by Database.mu.
	uses    int
	retired bool
}

// errGone says that a generation's folder does not exist or is being removed;
// errReplaced, that another one has taken its place since its name was read.
var (
	errGone     = errors.New("its folder is gone")
	errReplaced = errors.New("it was replaced meanwhile")
)

// acquire gives the newest generation, opened once per process, or nil where
// there is none. The caller releases it.
func (d *Database) acquire(ctx context.Context) (*generation, error) {
	for {
		g, last, err := d.tryAcquire()
		if last != nil {
			d.discard(last)
		}
		if !errors.Is(err, errReplaced) {
			return g, err
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
}

// tryAcquire also gives the generation that the newest takes the place of, if
// no match uses it any more.
func (d *Database) tryAcquire() (g, last *generation, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, nil, fault.New(fault.Unavailable, "the vulnerability database is closed")
	}
	name, err := readCurrent(d.opts.Dir)
	if err != nil || name == "" {
		return nil, nil, err
	}
	if d.gen == nil || d.gen.name != name {
		fresh, err := openGeneration(d.opts.Dir, name)
		if err != nil {
			return nil, nil, err
		}
		if d.retire(d.gen) {
			last = d.gen
		}
		d.gen = fresh
	}
	d.gen.uses++
	return d.gen, last, nil
}

// retire marks a generation as one to close after its last use, and tells
// whether that was already. The caller holds d.mu.
func (d *Database) retire(g *generation) bool {
	if g == nil {
		return false
	}
	g.retired = true
	return g.uses == 0
}

// release ends one use.
func (d *Database) release(g *generation) {
	d.mu.Lock()
	g.uses--
	last := g.retired && g.uses == 0
	d.mu.Unlock()
	if last {
		d.discard(g)
	}
}

// discard closes a generation and clears the folder of it. What cannot be
// removed now is removed by the next sweep.
func (d *Database) discard(g *generation) {
	_ = g.close()
	_ = d.sweep()
}

// openGeneration takes hold of a generation and opens it.
func openGeneration(root, name string) (*generation, error) {
	dir := filepath.Join(root, name)
	hold, err := lockShared(dir)
	if err != nil {
		if errors.Is(err, errGone) {
			if again, readErr := readCurrent(root); readErr == nil && again != name {
				return nil, errReplaced
			}
		}
		return nil, unusable(err)
	}
	g := &generation{name: name, hold: hold, answers: newAnswers(maxAnswers), silence: newSilence(maxSilent), records: newRecords(maxRecords), distros: newDistros(maxDistros)}
	if err := g.open(dir); err != nil {
		hold.Close()
		return nil, unusable(err)
	}
	return g, nil
}

func (g *generation) open(dir string) error {
	rec, err := readRecord(dir)
	if err != nil {
		return err
	}
	info, err := os.Stat(filepath.Join(dir, v6.VulnerabilityDBFileName))
	if err != nil {
		return err
	}
	if info.Size() != rec.Size {
		return fmt.Errorf("%s has %d bytes, not the %d it was imported with", v6.VulnerabilityDBFileName, info.Size(), rec.Size)
	}
	reader, err := v6.NewReader(v6.Config{DBDirPath: dir})
	if err != nil {
		return err
	}
	g.record, g.reader = rec, reader
	g.provider = v6.NewVulnerabilityProvider(reader)
	return nil
}

func (g *generation) close() error {
	return errors.Join(g.provider.Close(), g.hold.Close())
}

// unusable makes err a fault that says what to do about a broken database.
func unusable(err error) error {
	return fault.New(fault.Unavailable, "open vulnerability database: %w", err).
		WithHint("bring in a new one: tidepole vulndb update, or tidepole vulndb import FILE")
}

// readCurrent is the name of the generation in use; "" where there is none.
func readCurrent(root string) (string, error) {
	data, err := os.ReadFile(filepath.Join(root, currentFile))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", unusable(err)
	}
	name := strings.TrimSpace(string(data))
	if !strings.HasPrefix(name, namePrefix) || name != filepath.Base(name) {
		return "", unusable(fmt.Errorf("%s holds no name of a database", currentFile))
	}
	return name, nil
}

func readRecord(dir string) (record, error) {
	var rec record
	data, err := os.ReadFile(filepath.Join(dir, recordFile))
	if err != nil {
		return rec, err
	}
	if err := json.Unmarshal(data, &rec); err != nil {
		return rec, fmt.Errorf("read %s: %w", recordFile, err)
	}
	return rec, nil
}
