package vulns

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/klauspost/compress/zstd"

	"github.com/tidepole/tidepole/formats/fault"
)

// Whatever is uploaded as a database is unpacked within the limits, or refused with a
// reason.
func FuzzUnpack(f *testing.F) {
	database := append([]byte("SQLite format 3\x00"), bytes.Repeat([]byte("row "), 100)...)
	var archive, zipped, empty bytes.Buffer
	for to, names := range map[*bytes.Buffer][]string{&archive: {"read.me", "6/" + v6.VulnerabilityDBFileName}, &empty: {"../" + v6.VulnerabilityDBFileName}} {
		w := tar.NewWriter(to)
		for _, name := range names {
			if err := w.WriteHeader(&tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(database)), Mode: 0o644}); err != nil {
				f.Fatal(err)
			}
			if _, err := w.Write(database); err != nil {
				f.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			f.Fatal(err)
		}
	}
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(archive.Bytes()); err != nil {
		f.Fatal(err)
	}
	if err := z.Close(); err != nil {
		f.Fatal(err)
	}
	e, err := zstd.NewWriter(nil)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{
		nil, database, archive.Bytes(), empty.Bytes(), zipped.Bytes(), zipped.Bytes()[:zipped.Len()/2],
		e.EncodeAll(archive.Bytes(), nil), magicXZ, magicZstd, magicGzip, bytes.Repeat([]byte{0}, 600),
	} {
		f.Add(seed)
	}
	limits := Limits{Archive: 64 << 10, Database: 32 << 10, Entries: 4}
	f.Fuzz(func(t *testing.T, data []byte) {
		file := filepath.Join(t.TempDir(), "database")
		digest, err := unpack(t.Context(), bytes.NewReader(data), file, "", limits)
		got, _ := os.ReadFile(file)
		if int64(len(got)) > limits.Database && int64(len(got)) > limits.Archive {
			t.Errorf("%d bytes were written", len(got))
		}
		if err != nil {
			if kind := fault.Of(err); kind != fault.Invalid && kind != fault.TooLarge && kind != fault.Unsupported {
				t.Errorf("%d bytes were refused without a kind: %v", len(data), err)
			}
			return
		}
		if sum := sha256.Sum256(got); digest != "sha256:"+hex.EncodeToString(sum[:]) {
			t.Errorf("a file of %d bytes is said to be %s", len(got), digest)
		}
	})
}
