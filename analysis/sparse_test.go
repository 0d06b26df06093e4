package analysis_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis"
)

// sparse is a tar of one file that begins with text and is a hole from there on
// up to its size, in GNU's format 1.0, which package tar reads and does not write.
func sparse(t testing.TB, name, text string, size int64) []byte {
	t.Helper()
	blocks := fmt.Sprintf("2\n0\n%d\n%d\n0\n", len(text), size)
	body := blocks + strings.Repeat("\x00", 512-len(blocks)) + text
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	err := w.WriteHeader(&tar.Header{
		Name: "GNUSparseFile.0/x", Typeflag: tar.TypeReg, Size: int64(len(body)), Mode: 0o644, Format: tar.FormatPAX,
		PAXRecords: map[string]string{
			"XXX.sparse.major": "1", "XXX.sparse.minor": "0", "XXX.sparse.name": name, "XXX.sparse.realsize": fmt.Sprint(size),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(out.Bytes(), []byte("XXX.sparse"), []byte("GNU.sparse"))
}

// Of a sparse file nothing is uncertain.
func TestSparseFilesAreReadWithTheirHoles(t *testing.T) {
	status := "Package: zlib1g\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:1.2.13-1\n\n"
	b := analyze(t, analysis.Request{Image: ociDir(t, ofTars(t,
		sparse(t, "etc/passwd", passwd, 5000),
		sparse(t, "var/lib/dpkg/status", status, int64(len(status))),
	))}, analysis.Options{})
	facts, err := b.Facts()
	if err != nil {
		t.Fatal(err)
	}
	if facts.Gaps != 0 || facts.Counts["deb"] != 1 {
		t.Errorf("%d gaps, packages: %v", facts.Gaps, facts.Counts)
	}
	want := map[string]string{"/etc/passwd": passwd + strings.Repeat("\x00", 5000-len(passwd))}
	if diff := cmp.Diff(want, contents(t, b)); diff != "" {
		t.Errorf("retrieved (-want +got):\n%s", diff)
	}
}
