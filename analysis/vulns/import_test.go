package vulns_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/klauspost/compress/zstd"

	"github.com/tidepole/tidepole/analysis/vulns"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/report"
)

func TestImport(t *testing.T) {
	for _, name := range []string{"older.tar.zst", "older.tar.gz", "older.tar.xz", "older.db"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "vulndb")
			d := open(t, vulns.Options{Dir: dir})
			got, err := d.Import(context.Background(), bytes.NewReader(archive(name)), "/some/where/"+name, checksum(archive(name)), nil)
			if err != nil {
				t.Fatal(err)
			}
			want := report.Database{
				Present: true, SchemaVersion: "v6.1.10", Built: older, Source: name, Records: 33,
				Digest: checksum(archive("older.db")),
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(report.Database{}, "Imported")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.Imported.IsZero() {
				t.Error("the time of importing is not kept")
			}
			if diff := cmp.Diff(got, d.Status(context.Background())); diff != "" {
				t.Errorf("status (-import +status):\n%s", diff)
			}
			again := open(t, vulns.Options{Dir: dir})
			if diff := cmp.Diff(got, again.Status(context.Background())); diff != "" {
				t.Errorf("opened again (-import +status):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"current", "db", "lock"}, contents(t, dir)); diff != "" {
				t.Errorf("folder (-want +got):\n%s", diff)
			}
		})
	}
}

func TestImportRefuses(t *testing.T) {
	good := archive("older.tar.gz")
	zeros := make([]byte, 100<<20)
	tests := map[string]struct {
		data     []byte
		checksum string
		limits   vulns.Limits
		kind     fault.Kind
		says     string
	}{
		"nothing":               {data: nil, kind: fault.Invalid, says: "it is empty"},
		"not an archive":        {data: []byte(strings.Repeat("no archive ", 100)), kind: fault.Invalid, says: "neither an archive nor a database"},
		"gzip of nothing":       {data: gz(t, nil), kind: fault.Invalid, says: "neither an archive nor a database"},
		"truncated gzip":        {data: good[:len(good)/2], kind: fault.Invalid, says: "ends too early"},
		"truncated zstd":        {data: archive("older.tar.zst")[:5000], kind: fault.Invalid, says: "ends too early"},
		"truncated xz":          {data: archive("older.tar.xz")[:5000], kind: fault.Invalid, says: "truncated"},
		"truncated at the end":  {data: good[:len(good)-4], kind: fault.Invalid, says: "ends too early"},
		"truncated database":    {data: archive("older.db")[:40<<10], kind: fault.Invalid, says: "ends too early"},
		"flipped byte":          {data: flipped(good, len(good)/2), kind: fault.Invalid, says: "it is damaged"},
		"damaged page":          {data: overwritten(archive("older.db")), kind: fault.Invalid, says: "the database is damaged"},
		"wrong checksum":        {data: good, checksum: checksum([]byte("other")), kind: fault.Invalid, says: "its checksum is " + checksum(good)},
		"checksum of no sense":  {data: good, checksum: "md5:00", kind: fault.Invalid, says: `checksum "md5:00" is not sha256`},
		"cut and wrong checked": {data: good[:5000], checksum: checksum(good), kind: fault.Invalid, says: "its checksum is"},
		"path out of it":        {data: tgz(t, entry{name: "../vulnerability.db"}), kind: fault.Invalid, says: "leads out of it"},
		"deep path out of it":   {data: tgz(t, entry{name: "a/../../x"}), kind: fault.Invalid, says: "leads out of it"},
		"absolute path":         {data: tgz(t, entry{name: "/tmp/vulnerability.db"}), kind: fault.Invalid, says: "leads out of it"},
		"symbolic link":         {data: tgz(t, entry{name: "vulnerability.db", kind: tar.TypeSymlink, link: "/etc/passwd"}), kind: fault.Invalid, says: "not a regular file"},
		"hard link":             {data: tgz(t, entry{name: "vulnerability.db", kind: tar.TypeLink, link: "/etc/passwd"}), kind: fault.Invalid, says: "not a regular file"},
		"no database inside":    {data: tgz(t, entry{name: "readme"}), kind: fault.Invalid, says: "holds no vulnerability.db"},
		"two databases inside":  {data: tgz(t, entry{name: "vulnerability.db"}, entry{name: "a/vulnerability.db"}), kind: fault.Invalid, says: "twice"},
		"too many entries":      {data: tgz(t, entry{name: "a"}, entry{name: "b"}, entry{name: "c"}), limits: vulns.Limits{Entries: 2}, kind: fault.TooLarge, says: "more than 2 entries"},
		"too long an archive":   {data: good, limits: vulns.Limits{Archive: 1000}, kind: fault.TooLarge, says: "more than 1000 bytes"},
		"too large a database":  {data: good, limits: vulns.Limits{Database: 10000}, kind: fault.TooLarge, says: "unpacks to more than 10000 bytes"},
		"bomb":                  {data: tgz(t, entry{name: "vulnerability.db", data: zeros}), kind: fault.TooLarge, says: "more than 200 times its size"},
		"bomb beside it":        {data: tzst(t, entry{name: "other", data: zeros}), kind: fault.TooLarge, says: "more than 200 times its size"},
		"not a SQLite database": {data: tgz(t, entry{name: "vulnerability.db", data: zeros[:4096]}), kind: fault.Unsupported, says: "not a grype database of schema 6"},
		"another schema":        {data: foreign(t, `create table id (build_timestamp, schema_version); insert into id values (0, 5)`), kind: fault.Unsupported, says: "not a grype database of schema 6"},
		"another model":         {data: changed(t, `update db_metadata set model = 7`), kind: fault.Unsupported, says: "not a v6 database"},
		"no time of building":   {data: changed(t, `delete from db_metadata`), kind: fault.Unsupported, says: "not a grype database of schema 6"},
		"a table is missing":    {data: changed(t, `drop table vulnerability_handles`), kind: fault.Invalid, says: "the database is damaged"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "vulndb")
			d := open(t, vulns.Options{Dir: dir, Limits: test.limits})
			_, err := d.Import(context.Background(), bytes.NewReader(test.data), "new.tar.gz", test.checksum, nil)
			if err == nil {
				t.Fatal("it was taken in")
			}
			if got := fault.Of(err); got != test.kind || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%s: %v\nwant %s: … %s", got, err, test.kind, test.says)
			}
			if test.checksum != "md5:00" && (fault.Hint(err) == "" && test.kind != fault.TooLarge || !strings.Contains(err.Error(), "from new.tar.gz")) {
				t.Errorf("it does not say what to do, or about what: %v (%s)", err, fault.Hint(err))
			}
			if s := d.Status(context.Background()); s.Present || s.Error == "" {
				t.Errorf("status afterwards: %+v", s)
			}
			for _, name := range contents(t, dir) {
				if name != "lock" {
					t.Errorf("%s was left behind", name)
				}
			}
		})
	}
}

func TestImportKeepsTheOldOneWhenItFails(t *testing.T) {
	d := open(t, vulns.Options{})
	before := load(t, d, "older.tar.zst")
	_, err := d.Import(context.Background(), bytes.NewReader(archive("newer.tar.zst")[:5000]), "newer", "", nil)
	if err == nil {
		t.Fatal("half an archive was taken in")
	}
	if diff := cmp.Diff(before, d.Status(context.Background())); diff != "" {
		t.Errorf("status (-before +after):\n%s", diff)
	}
}

// Whoever imports a database may refuse it when all of it was read, and before it is used.
func TestImportUsesNothingThatIsRefused(t *testing.T) {
	d := open(t, vulns.Options{})
	before := load(t, d, "older.tar.zst")
	data, refused := bytes.NewReader(archive("newer.tar.zst")), errors.New("nobody else can have it")
	for _, refusal := range []error{refused, nil} {
		data.Seek(0, io.SeekStart)
		var offered report.Database
		got, err := d.Import(context.Background(), data, "newer", "", func(next report.Database) error {
			if data.Len() > 0 {
				t.Errorf("%d bytes are unread", data.Len())
			}
			if diff := cmp.Diff(before, d.Status(context.Background())); diff != "" {
				t.Errorf("status while it is offered (-before +then):\n%s", diff)
			}
			offered = next
			return refusal
		})
		if !errors.Is(err, refusal) || !offered.Built.Equal(newer) {
			t.Errorf("refused with %v: %v; %+v was offered", refusal, err, offered)
		}
		want := before
		if refusal == nil {
			want = offered
			if diff := cmp.Diff(offered, got); diff != "" {
				t.Errorf("offered, and taken: %s", diff)
			}
		}
		if diff := cmp.Diff(want.Digest, d.Status(context.Background()).Digest); diff != "" {
			t.Errorf("refused with %v: in use (-want +got):\n%s", refusal, diff)
		}
	}
}

func TestImportStopsWithItsContext(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "vulndb")
	d := open(t, vulns.Options{Dir: dir})
	ctx, cancel := context.WithCancel(context.Background())
	r := io.MultiReader(bytes.NewReader(archive("older.tar.gz")[:8000]), readerFunc(func([]byte) (int, error) {
		cancel()
		return 0, nil
	}))
	if _, err := d.Import(ctx, r, "x", "", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want canceled", err)
	}
	if diff := cmp.Diff([]string{"lock"}, contents(t, dir)); diff != "" {
		t.Errorf("folder (-want +got):\n%s", diff)
	}
}

// What a stranger's name may do to a terminal or give away.
func TestImportCleansItsSource(t *testing.T) {
	for name, want := range map[string]string{
		"dir/db.tar.zst": "db.tar.zst",
		"":               "stdin",
		"-":              "stdin",
		"a\x1b[31mb\n":   "a[31mb",
		"https://user:secret@mirror.example/db.tar.zst?token=secret": "https://mirror.example/db.tar.zst",
	} {
		d := open(t, vulns.Options{})
		got, err := d.Import(context.Background(), bytes.NewReader(archive("older.db")), name, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got.Source != want {
			t.Errorf("source of %q is %q, want %q", name, got.Source, want)
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

type entry struct {
	name string
	kind byte
	link string
	data []byte
}

func tarball(t *testing.T, entries []entry) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Typeflag: e.kind, Linkname: e.link, Size: int64(len(e.data)), Mode: 0o644}
		if e.kind == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(e.data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func tgz(t *testing.T, entries ...entry) []byte { return gz(t, tarball(t, entries)) }

func gz(t *testing.T, data []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func tzst(t *testing.T, entries ...entry) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(tarball(t, entries), nil)
}

func flipped(data []byte, at int) []byte {
	data = bytes.Clone(data)
	data[at] ^= 0xff
	return data
}

// overwritten spoils pages in the middle of a database, whose header is right.
func overwritten(data []byte) []byte {
	data = bytes.Clone(data)
	for i := 32 << 10; i < 64<<10; i++ {
		data[i] = 0x5a
	}
	return data
}

// changed is a database after a statement.
func changed(t *testing.T, statement string) []byte {
	t.Helper()
	name := filepath.Join(t.TempDir(), "changed.db")
	if err := os.WriteFile(name, archive("older.db"), 0o600); err != nil {
		t.Fatal(err)
	}
	return executed(t, name, statement)
}

// foreign is another program's SQLite database.
func foreign(t *testing.T, statements string) []byte {
	t.Helper()
	return executed(t, filepath.Join(t.TempDir(), "foreign.db"), statements)
}

func executed(t *testing.T, name, statements string) []byte {
	t.Helper()
	db, err := sql.Open("sqlite", name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(statements); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
