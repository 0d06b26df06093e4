package vulns_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/vulns"
	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/report"
)

// Matches that run while databases are exchanged end with the one they began
// with, in the process that imports and in another user of the folder.
func TestSwapUnderLoad(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "vulndb")
	d := open(t, vulns.Options{Dir: dir})
	neighbour := open(t, vulns.Options{Dir: dir})
	load(t, d, "older.tar.zst")
	document := debianDocument(t)
	want, err := d.Match(context.Background(), evidence(t, document))
	if err != nil {
		t.Fatal(err)
	}

	var done atomic.Bool
	var seen sync.Map
	var group sync.WaitGroup
	for i := range 4 {
		user := []*vulns.Database{d, neighbour}[i%2]
		b := evidence(t, document)
		group.Go(func() {
			for !done.Load() {
				got, err := user.Match(context.Background(), b)
				if err != nil {
					t.Errorf("match: %v", err)
					return
				}
				seen.Store(got.Database.Built, true)
				if diff := cmp.Diff(want.Vulnerabilities, got.Vulnerabilities); diff != "" || len(got.Notes) > 0 {
					t.Errorf("notes %q, (-want +got):\n%s", got.Notes, diff)
					return
				}
			}
		})
	}
	both := func() bool {
		_, one := seen.Load(older)
		_, other := seen.Load(newer)
		return one && other
	}
	var last report.Database
	for i, end := 0, time.Now().Add(2*time.Minute); i < 12 || !both() && !t.Failed() && time.Now().Before(end); i++ {
		last = load(t, d, []string{"newer.tar.zst", "older.tar.gz"}[i%2])
	}
	done.Store(true)
	group.Wait()
	if !both() {
		t.Error("no match used one of the databases")
	}
	for name, user := range map[string]*vulns.Database{"importer": d, "neighbour": neighbour} {
		if diff := cmp.Diff(last, user.Status(context.Background())); diff != "" {
			t.Errorf("%s (-last +status):\n%s", name, diff)
		}
	}
	if diff := cmp.Diff([]string{"current", "db", "lock"}, contents(t, dir)); diff != "" {
		t.Errorf("folder (-want +got):\n%s", diff)
	}
}

// A database that one process uses is not removed by another that imports.
func TestDatabaseInUseStays(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "vulndb")
	d, neighbour := open(t, vulns.Options{Dir: dir}), open(t, vulns.Options{Dir: dir})
	load(t, d, "older.tar.zst")
	b := evidence(t, nil)
	began, goOn := make(chan struct{}), make(chan struct{})
	b.Put(bundle.Part{Kind: bundle.Packages, Open: func() (io.ReadCloser, error) {
		close(began)
		<-goOn
		return io.NopCloser(bytes.NewReader(debianDocument(t))), nil
	}})
	result := make(chan report.Matches)
	go func() {
		got, err := neighbour.Match(context.Background(), b)
		if err != nil {
			t.Errorf("match: %v", err)
		}
		result <- got
	}()
	<-began
	load(t, d, "newer.tar.zst")
	if diff := cmp.Diff([]string{"current", "db", "db", "lock"}, contents(t, dir)); diff != "" {
		t.Errorf("while it is in use (-want +got):\n%s", diff)
	}
	if s := neighbour.Status(context.Background()); !s.Built.Equal(newer) {
		t.Errorf("status while a match uses the old one: %+v", s)
	}
	close(goOn)
	if got := <-result; !got.Database.Built.Equal(older) || len(got.Vulnerabilities) != 9 {
		t.Errorf("%d vulnerabilities by the database of %s", len(got.Vulnerabilities), got.Database.Built)
	}
	if diff := cmp.Diff([]string{"current", "db", "lock"}, contents(t, dir)); diff != "" {
		t.Errorf("afterwards (-want +got):\n%s", diff)
	}
}

func TestOneImportAtATime(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "vulndb")
	slow, other := open(t, vulns.Options{Dir: dir}), open(t, vulns.Options{Dir: dir})
	data := archive("older.tar.zst")
	began, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	finished := make(chan error)
	go func() {
		r := bytes.NewReader(data)
		_, err := slow.Import(context.Background(), readerFunc(func(p []byte) (int, error) {
			once.Do(func() {
				close(began)
				<-goOn
			})
			return r.Read(p)
		}), "slow", "", nil)
		finished <- err
	}()
	<-began
	if _, err := vulns.Open(vulns.Options{Dir: dir}); err != nil { // must not sweep the import away
		t.Fatal(err)
	}
	_, err := other.Import(context.Background(), bytes.NewReader(data), "other", "", nil)
	if fault.Of(err) != fault.Conflict {
		t.Errorf("a second import: %v, want a conflict", err)
	}
	close(goOn)
	if err := <-finished; err != nil {
		t.Errorf("the first import: %v", err)
	}
	if s := other.Status(context.Background()); s.Source != "slow" {
		t.Errorf("status: %+v", s)
	}
}

func TestStatus(t *testing.T) {
	tests := map[string]struct {
		spoil func(t *testing.T, dir, generation string)
		says  string
	}{
		"file removed":     {says: "no such file", spoil: func(t *testing.T, _, g string) { remove(t, filepath.Join(g, "vulnerability.db")) }},
		"file cut off":     {says: "has 100 bytes", spoil: func(t *testing.T, _, g string) { truncate(t, filepath.Join(g, "vulnerability.db"), 100) }},
		"folder removed":   {says: "folder is gone", spoil: func(t *testing.T, _, g string) { remove(t, g) }},
		"record removed":   {says: "tidepole.json", spoil: func(t *testing.T, _, g string) { remove(t, filepath.Join(g, "tidepole.json")) }},
		"record spoilt":    {says: "tidepole.json", spoil: func(t *testing.T, _, g string) { truncate(t, filepath.Join(g, "tidepole.json"), 3) }},
		"pointer spoilt":   {says: "holds no name", spoil: func(t *testing.T, d, _ string) { truncate(t, filepath.Join(d, "current"), 1) }},
		"pointer too long": {says: "holds no name", spoil: func(t *testing.T, d, _ string) { write(t, filepath.Join(d, "current"), "db-/../..") }},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "vulndb")
			load(t, open(t, vulns.Options{Dir: dir}), "older.db")
			generations, _ := filepath.Glob(filepath.Join(dir, "db-*"))
			if len(generations) != 1 {
				t.Fatalf("generations: %q", generations)
			}
			test.spoil(t, dir, generations[0])
			d := open(t, vulns.Options{Dir: dir})
			s := d.Status(context.Background())
			if s.Present || !strings.Contains(s.Error, test.says) {
				t.Errorf("status %+v, want an error with %q", s, test.says)
			}
			_, err := d.Match(context.Background(), evidence(t, debianDocument(t)))
			if fault.Of(err) != fault.Unavailable || !strings.Contains(fault.Hint(err), "vulndb import FILE") {
				t.Errorf("match: %v (%s)", err, fault.Hint(err))
			}
			load(t, d, "newer.db") // mends it
			if s := d.Status(context.Background()); !s.Built.Equal(newer) || s.Error != "" {
				t.Errorf("status after an import: %+v", s)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "x")
	for _, dir := range []string{"", "with?mark", "with#hash", "with%20", filepath.Join(file, "below")} {
		if d, err := vulns.Open(vulns.Options{Dir: dir}); err == nil {
			d.Close()
			t.Errorf("opened %q", dir)
		}
	}
}

func TestClosed(t *testing.T) {
	d := open(t, vulns.Options{})
	load(t, d, "older.db")
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Match(context.Background(), evidence(t, debianDocument(t))); fault.Of(err) != fault.Unavailable {
		t.Errorf("match after Close: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
}

func remove(t *testing.T, name string) {
	t.Helper()
	if err := os.RemoveAll(name); err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, name string, size int64) {
	t.Helper()
	if err := os.Truncate(name, size); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
