// Package vulndbtest builds small but real vulnerability databases, for tests
// and for the demo, from the records that lie beside it.
package vulndbtest

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/anchore/grype/grype/db"
	"github.com/anchore/grype/grype/db/provider"
	v6 "github.com/anchore/grype/grype/db/v6"
)

// Name is the name of a database's file, in archives too.
const Name = v6.VulnerabilityDBFileName

// Build makes a database in dir that says it was built at that time, and gives
// the path of its file. As in a distributed database, the indexes are left out.
func Build(dir string, built time.Time) (string, error) {
	feeds, err := feeds()
	if err != nil {
		return "", err
	}
	work, err := os.MkdirTemp("", "vulndb-feeds-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	var states provider.States
	for _, f := range feeds {
		state, err := f.write(work, built)
		if err != nil {
			return "", fmt.Errorf("write feed %s: %w", f.provider, err)
		}
		states = append(states, *state)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	err = db.Build(db.BuildConfig{
		SchemaVersion: v6.ModelVersion, Directory: dir, States: states, Timestamp: built,
		IncludeCPEParts: []string{"a", "o", "h"}, InferNVDFixVersions: true, SQLiteCacheSizeKiB: 4096,
	})
	if err != nil {
		return "", fmt.Errorf("build vulnerability database: %w", err)
	}
	file := filepath.Join(dir, Name)
	return file, date(file, built)
}

// date sets the time of building: the builder knows only the present.
func date(file string, built time.Time) error {
	conn, err := sql.Open("sqlite", file) // the driver that grype registers
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Exec(`update db_metadata set build_timestamp = ?`, built.UTC().Round(time.Second).Format("2006-01-02 15:04:05+00:00"))
	return err
}
