package vulns_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tidepole/tidepole/analysis/vulns"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/integration/vulndbtest"
)

func TestMain(m *testing.M) {
	if job := os.Getenv(jobVariable); job != "" {
		os.Exit(runJob(job))
	}
	os.Exit(m.Run())
}

// The times at which the two databases of these tests were built.
var (
	older = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	newer = time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
)

// archives are the two databases packed in every way, made once.
var archives = sync.OnceValue(func() map[string][]byte {
	made := map[string][]byte{}
	for name, built := range map[string]time.Time{"older": older, "newer": newer} {
		dir, err := os.MkdirTemp("", "vulns-test-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		file, err := vulndbtest.Build(dir, built)
		if err != nil {
			panic(err)
		}
		for _, kind := range []string{".tar.zst", ".tar.gz", ".tar.xz"} {
			var buf bytes.Buffer
			if err := vulndbtest.Pack(&buf, kind, file); err != nil {
				panic(err)
			}
			made[name+kind] = buf.Bytes()
		}
		if made[name+".db"], err = os.ReadFile(file); err != nil {
			panic(err)
		}
	}
	return made
})

func archive(name string) []byte { return archives()[name] }

func checksum(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func open(t testing.TB, o vulns.Options) *vulns.Database {
	t.Helper()
	if o.Dir == "" {
		o.Dir = filepath.Join(t.TempDir(), "vulndb")
	}
	d, err := vulns.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func load(t testing.TB, d *vulns.Database, name string) report.Database {
	t.Helper()
	db, err := d.Import(context.Background(), bytes.NewReader(archive(name)), name, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// contents are the entries of a database's folder, without the random parts of
// their names.
func contents(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		name, _, _ := strings.Cut(e.Name(), "-")
		names = append(names, name)
	}
	return names
}
