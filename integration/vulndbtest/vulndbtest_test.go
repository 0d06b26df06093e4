package vulndbtest_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io"
	"path/filepath"
	"testing"
	"time"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/integration/vulndbtest"
)

var built = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func TestBuild(t *testing.T) {
	dir := t.TempDir()
	if _, err := vulndbtest.Build(dir, built); err != nil {
		t.Fatal(err)
	}
	r, err := v6.NewReader(v6.Config{DBDirPath: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	meta, err := r.GetDBMetadata()
	if err != nil {
		t.Fatal(err)
	}
	if !meta.BuildTimestamp.Equal(built) {
		t.Errorf("built at %s, want %s", meta.BuildTimestamp, built)
	}
	got := map[string]int{}
	vulnerabilities, err := r.GetVulnerabilities(nil, &v6.GetVulnerabilityOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vulnerabilities {
		got[v.ProviderID]++
	}
	want := map[string]int{"alpine": 1, "debian": 10, "demo": 2, "github": 16, "nvd": 3, "rhel": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("vulnerabilities by provider (-want +got):\n%s", diff)
	}
}

func TestPack(t *testing.T) {
	file, err := vulndbtest.Build(t.TempDir(), built)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	if err := vulndbtest.Pack(&buf, "x.tar.gz", file); err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(&buf)
	if err != nil {
		t.Fatal(err)
	}
	tr := tar.NewReader(z)
	h, err := tr.Next()
	if err != nil {
		t.Fatal(err)
	}
	if h.Name != filepath.Base(file) {
		t.Errorf("the archive's first entry is %q", h.Name)
	}
	if _, err := io.Copy(io.Discard, tr); err != nil {
		t.Error(err)
	}
	if err := vulndbtest.Pack(io.Discard, "x.zip", file); err == nil {
		t.Error("packed as .zip")
	}
}
