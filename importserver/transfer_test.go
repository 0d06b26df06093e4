package importserver_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
	"github.com/tidepole/tidepole/importserver/blobs/blobstest"
	"github.com/tidepole/tidepole/importserver/store"
	"github.com/tidepole/tidepole/importserver/store/storetest"
	"github.com/tidepole/tidepole/importserver/transfer"
)

func moving(t *testing.T) transfer.Options {
	return transfer.Options{Temp: t.TempDir(), Version: "test", Now: time.Now}
}

// bucketURL is the URL of an empty bucket.
func bucketURL(t *testing.T) string {
	t.Setenv("AWS_ACCESS_KEY_ID", "any")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "any")
	server := httptest.NewServer(gofakes3.New(s3mem.New(), gofakes3.WithLogger(gofakes3.DiscardLog())).Server())
	t.Cleanup(server.Close)
	at, _, _ := blobstest.NewBucket(t, server.URL)
	return at
}

// imageOf is an image whose evidence is partly its own.
func imageOf(n int) image {
	return image{digest: digestOf(n), tags: []string{fmt.Sprintf("shop/web:%d", n)},
		document: strings.Replace(document, `"left-pad","version":"1.0.0"`, fmt.Sprintf(`"left-pad","version":"1.0.%d"`, n), 1)}
}

// answers are what a server says of its images.
func (r *running) answers(digests ...string) map[string]string {
	r.t.Helper()
	all := map[string]string{}
	for _, digest := range digests {
		for _, path := range []string{
			wire.Path(wire.RouteImage, digest), wire.Path(wire.RouteContentTypes, digest),
			wire.Path(wire.RouteContent, digest, "os"), wire.Path(wire.RouteContent, digest, "npm"), wire.Path(wire.RouteContent, digest, "files"),
			wire.Path(wire.RouteMetadata, digest, "manifest"), wire.Path(wire.RouteMetadata, digest, "dockerfile"),
			wire.Path(wire.RouteVuln, digest, "all"), wire.Path(wire.RouteSecretSearch, digest), wire.Path(wire.RouteRetrievedFiles, digest),
		} {
			resp, text := r.request("GET", path, nil, nil)
			if resp.StatusCode != 200 {
				r.t.Errorf("GET %s: %d %s", path, resp.StatusCode, text)
			}
			all[path] = text
		}
	}
	return all
}

// installed is a server with some images and a registry's password, and what it says
// of the images.
func installed(t *testing.T, o importserver.Options, images int) (*running, []string, map[string]string) {
	r := start(t, &engine{ping: func(string, *importserver.Login) error { return nil }}, o)
	var digests []string
	for n := range images {
		i := imageOf(n + 1)
		r.importOver(newBundle(t, i), "")
		digests = append(digests, i.digest)
	}
	for _, d := range digests {
		r.await(d, wire.Analyzed)
	}
	r.call("POST", "/v2/registries", `{"registry":"r.example","registry_name":"r","registry_type":"docker_v2","registry_user":"u","registry_pass":"p","registry_verify":true}`, nil)
	return r, digests, r.answers(digests...)
}

// end stops a server and gives its folder free.
func (r *running) end() {
	r.t.Helper()
	r.web.Close()
	r.stop()
	if err := r.server.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// elsewhere are the places that an installation can be moved to: a folder for the
// server, and the URL of its rows.
func elsewhere(t *testing.T, test func(t *testing.T, dir, rows string)) {
	t.Run("SQLite", func(t *testing.T) {
		dir := t.TempDir()
		test(t, dir, "sqlite:"+filepath.Join(dir, importserver.RowsFile))
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		test(t, t.TempDir(), storetest.Schema(t, os.Getenv(storetest.PostgresVariable)))
	})
}

// optionsOf are those of a server on what was moved.
func optionsOf(dir, rows, blobs string) importserver.Options {
	o := options(dir)
	o.Blobs = blobs
	if !strings.HasPrefix(rows, "sqlite:") {
		o.Store = rows
	}
	return o
}

func TestMovedInstallationAnswersTheSame(t *testing.T) {
	elsewhere(t, func(t *testing.T, dir, rows string) {
		at := bucketURL(t)
		r, digests, want := installed(t, options(t.TempDir()), 3)
		from, to, o := transfer.Place{Dir: r.dir}, transfer.Place{Store: rows, Blobs: at}, moving(t)
		if _, err := transfer.Move(t.Context(), from, to, o); fault.Of(err) != fault.Conflict {
			t.Fatalf("moved while a server runs: %v", err)
		}
		r.end()
		ctx, cancel := context.WithCancel(t.Context())
		o.Progress = func(did string) {
			if strings.Contains(did, "rows") {
				cancel()
			}
		}
		if _, err := transfer.Move(ctx, from, to, o); !errors.Is(err, context.Canceled) {
			t.Fatalf("interrupted: %v", err)
		}
		if other := options(t.TempDir()); true {
			other.Blobs = at
			if s, err := importserver.Open(t.Context(), other, r.engine.functions()); fault.Of(err) != fault.Conflict {
				t.Errorf("another installation uses the blobs: %v, %v", s, err)
			}
		}
		report, err := transfer.Move(t.Context(), from, to, moving(t))
		if err != nil {
			t.Fatal(err)
		}
		if report.Blobs != 8 || report.Found != 8 || report.Rows() < 50 || len(report.Damaged) != 0 || report.Installation == "" {
			t.Errorf("%+v", report)
		}
		if _, err := transfer.Move(t.Context(), from, to, moving(t)); fault.Of(err) != fault.Conflict || fault.Hint(err) == "" {
			t.Errorf("moved twice: %v", err)
		}
		bringKey(t, r.dir, dir)
		moved := start(t, r.engine, optionsOf(dir, rows, at))
		if diff := cmp.Diff(want, moved.answers(digests...)); diff != "" {
			t.Error(diff)
		}
		moved.importOver(newBundle(t, imageOf(9)), "")
		moved.await(digestOf(9), wire.Analyzed)
		if left, err := filepath.Glob(filepath.Join(dir, "blobs", "*")); len(left) != 0 || err != nil {
			t.Errorf("evidence in the folder: %q, %v", left, err)
		}
	})
}

// bringKey copies the key of the registries' passwords.
func bringKey(t *testing.T, from, to string) {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(from, importserver.KeyFile))
	if err == nil {
		err = os.WriteFile(filepath.Join(to, importserver.KeyFile), key, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestMoveRefuses(t *testing.T) {
	r, _, _ := installed(t, options(t.TempDir()), 1)
	r.end()
	from := transfer.Place{Dir: r.dir}
	full := t.TempDir()
	blobstest.Keep(t, blobstest.Open(t, full), "", "somebody else's")
	owned := t.TempDir()
	if err := blobstest.Open(t, owned).Claim(t.Context(), "somebody else"); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		from, to transfer.Place
		kind     fault.Kind
		says     string
	}{
		"nowhere":                   {from, transfer.Place{}, fault.Invalid, "where to"},
		"where it is":               {from, transfer.Place{Blobs: filepath.Join(r.dir, "blobs")}, fault.Invalid, "there already"},
		"from nothing":              {transfer.Place{Dir: t.TempDir()}, transfer.Place{Blobs: t.TempDir()}, fault.NotFound, importserver.RowsFile},
		"to blobs with others":      {from, transfer.Place{Blobs: full}, fault.Conflict, "1 already"},
		"to another's blobs":        {from, transfer.Place{Blobs: owned}, fault.Conflict, "another installation"},
		"to an unknown kind of row": {from, transfer.Place{Store: "oracle:x"}, fault.Invalid, "sqlite"},
	} {
		if _, err := transfer.Move(t.Context(), test.from, test.to, moving(t)); fault.Of(err) != test.kind || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v (%v), want %q", name, err, fault.Of(err), test.says)
		}
	}
}

// What cannot be read is told, with the images that have it.
func TestMoveTellsOfDamage(t *testing.T) {
	r, digests, _ := installed(t, options(t.TempDir()), 2)
	r.end()
	spoil(t, r.dir, "FROM scratch\n")
	to := transfer.Place{Blobs: t.TempDir()}
	_, err := transfer.Move(t.Context(), transfer.Place{Dir: r.dir}, to, moving(t))
	if fault.Of(err) != fault.Conflict || !strings.Contains(err.Error(), digests[1]) || !strings.Contains(fault.Hint(err), "--force") {
		t.Errorf("%v; hint %q", err, fault.Hint(err))
	}
	o := moving(t)
	o.AllowDamaged = true
	report, err := transfer.Move(t.Context(), transfer.Place{Dir: r.dir}, to, o)
	if err != nil || len(report.Damaged) != 1 || len(report.Damaged[0].Images) != 2 || report.Blobs != 6 {
		t.Errorf("%+v, %v", report, err)
	}
}

// spoil removes a blob, of which the plain bytes are given.
func spoil(t *testing.T, dir, data string) {
	t.Helper()
	k := blobstest.Keep(t, blobstest.Open(t, t.TempDir()), "", data)
	found, err := filepath.Glob(filepath.Join(dir, "blobs", "sha256", "*", strings.TrimPrefix(k.Digest, "sha256:")+".*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%q, %v", found, err)
	}
	if err := os.Remove(found[0]); err != nil {
		t.Fatal(err)
	}
}

func backup(t *testing.T, from transfer.Place) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := transfer.Backup(t.Context(), from, transfer.Files, &b, moving(t)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRestoredInstallationAnswersTheSame(t *testing.T) {
	elsewhere(t, func(t *testing.T, dir, rows string) {
		r, digests, want := installed(t, options(t.TempDir()), 3)
		data := backup(t, transfer.Place{Dir: r.dir})
		at := bucketURL(t)
		to := transfer.Place{Dir: dir, Store: rows, Blobs: at}
		ctx, cancel := context.WithCancel(t.Context())
		o := moving(t)
		o.Progress = func(did string) {
			if strings.Contains(did, "rows") {
				cancel()
			}
		}
		if _, err := transfer.Restore(ctx, bytes.NewReader(data), to, o); !errors.Is(err, context.Canceled) {
			t.Fatalf("interrupted: %v", err)
		}
		report, err := transfer.Restore(t.Context(), bytes.NewReader(data), to, moving(t))
		if err != nil || report.Blobs != 8 || report.Found != 8 {
			t.Fatalf("%+v, %v", report, err)
		}
		if _, err := transfer.Restore(t.Context(), bytes.NewReader(data), to, moving(t)); fault.Of(err) != fault.Conflict || fault.Hint(err) == "" {
			t.Errorf("restored twice: %v", err)
		}
		r.end()
		restored := start(t, r.engine, optionsOf(dir, rows, at))
		if diff := cmp.Diff(want, restored.answers(digests...)); diff != "" {
			t.Error(diff)
		}
		// And so does a backup of that, in a folder of its own.
		again := t.TempDir()
		if _, err := transfer.Restore(t.Context(), bytes.NewReader(backup(t, to)), transfer.Place{Dir: again}, moving(t)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, start(t, r.engine, options(again)).answers(digests...)); diff != "" {
			t.Error(diff)
		}
	})
}

// Images come and go, and what nothing refers to is collected at once, while backups
// are made. Each backup has all of what it has.
func TestBackupOfABusyServer(t *testing.T) {
	o := options(t.TempDir())
	r, digests, want := installed(t, o, 3)
	r.end()
	o.BlobAge = time.Nanosecond
	o.Housekeeping = 10 * time.Millisecond
	r = start(t, r.engine, o)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	var imported atomic.Int32
	group.Go(func() {
		for n := 100; ctx.Err() == nil; n++ {
			b, err := makeBundle(o.Dir, imageOf(n))
			if err != nil {
				t.Error(err)
				return
			}
			_, err = r.Import(ctx, b, wire.AddOptions{})
			if err := errors.Join(err, b.Close()); err != nil && ctx.Err() == nil && fault.Of(err) != fault.Unavailable {
				t.Error(err) // what was collected meanwhile would be sent again
			} else if err == nil {
				imported.Add(1)
			}
			if _, err := r.DeleteImages(ctx, []string{digestOf(n - 2)}, true); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		}
	})
	end := time.Now().Add(patience)
	for n := 0; n < 3 || imported.Load() == 0 && time.Now().Before(end); n++ {
		data, dir := backup(t, transfer.Place{Dir: o.Dir, Store: storeOf(t, o.Dir)}), t.TempDir()
		report, err := transfer.Restore(t.Context(), bytes.NewReader(data), transfer.Place{Dir: dir, Store: storeOf(t, dir)}, moving(t))
		if err != nil || len(report.Damaged) > 0 {
			t.Fatalf("%+v, %v", report, err)
		}
		restored := start(t, r.engine, options(dir))
		if diff := cmp.Diff(want, restored.answers(digests...)); diff != "" {
			t.Error(diff)
		}
		restored.end()
	}
	cancel()
	group.Wait()
	if t.Logf("%d images were imported meanwhile", imported.Load()); imported.Load() == 0 {
		t.Error("the server was not busy")
	}
	if err := r.server.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// While a backup is made nothing is collected, and afterwards it is.
func TestBackupHoldsOffCollection(t *testing.T) {
	t.Run("alone", func(t *testing.T) { backupHoldsOffCollection(t, options(t.TempDir()), time.Now) })
	t.Run("by a machine whose clock is wrong", func(t *testing.T) {
		o := newTogether(t).options()
		o.Blobs = ""
		backupHoldsOffCollection(t, o, func() time.Time { return time.Now().AddDate(0, 0, -1) })
	})
}

func backupHoldsOffCollection(t *testing.T, o importserver.Options, now func() time.Time) {
	r, digests, _ := installed(t, o, 1)
	r.end()
	o.BlobAge = time.Nanosecond
	r = start(t, r.engine, o)
	had := r.blobs()
	options := moving(t)
	options.Now = now
	options.Progress = func(did string) {
		if !strings.Contains(did, "blobs") {
			return
		}
		if _, err := r.DeleteImages(t.Context(), digests, true); err != nil {
			t.Error(err)
		}
		if err := r.server.Tidy(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if o.Store == "" {
		o.Store = storeOf(t, o.Dir)
	}
	report, err := transfer.Backup(t.Context(), transfer.Place{Dir: o.Dir, Store: o.Store}, nil, &bytes.Buffer{}, options)
	if err != nil || report.Blobs != had || had == 0 {
		t.Errorf("%d blobs of %d, %v", report.Blobs, had, err)
	}
	if err := r.server.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := r.blobs(); n != 0 {
		t.Errorf("%d blobs are left", n)
	}
}

func TestDamagedBackupIsRefused(t *testing.T) {
	r, _, _ := installed(t, options(t.TempDir()), 1)
	data := backup(t, transfer.Place{Dir: r.dir})
	bad := bytes.Clone(data)
	bad[len(bad)/2] ^= 1
	for name, broken := range map[string][]byte{
		"empty": nil, "no backup": []byte("PK\x03\x04 and more"), "a bit is wrong": bad,
		"half": data[:len(data)/2], "all but the end": data[:len(data)-1],
	} {
		dir := t.TempDir()
		_, err := transfer.Restore(t.Context(), bytes.NewReader(broken), transfer.Place{Dir: dir}, moving(t))
		if err == nil || fault.Of(err) != fault.Unsupported && fault.Of(err) != fault.Invalid {
			t.Errorf("%s: %v (%v)", name, err, fault.Of(err))
		}
		report, err := transfer.Restore(t.Context(), bytes.NewReader(data), transfer.Place{Dir: dir}, moving(t))
		if err != nil || report.Blobs == 0 {
			t.Errorf("%s: the whole one afterwards: %+v, %v", name, report, err)
		}
	}
}

func TestBackupTellsOfDamage(t *testing.T) {
	r, digests, _ := installed(t, options(t.TempDir()), 1)
	spoil(t, r.dir, "FROM scratch\n")
	var b bytes.Buffer
	_, err := transfer.Backup(t.Context(), transfer.Place{Dir: r.dir}, nil, &b, moving(t))
	if fault.Of(err) != fault.Conflict || !strings.Contains(err.Error(), digests[0]) {
		t.Errorf("%v", err)
	}
	b.Reset()
	o := moving(t)
	o.AllowDamaged = true
	if report, err := transfer.Backup(t.Context(), transfer.Place{Dir: r.dir}, nil, &b, o); err != nil || len(report.Damaged) != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
	report, err := transfer.Restore(t.Context(), &b, transfer.Place{Dir: t.TempDir()}, moving(t))
	if err != nil || len(report.Damaged) != 1 || report.Blobs != 5 {
		t.Errorf("%+v, %v", report, err)
	}
}

// A place that has something else in it is nobody's evidence, and what is there stays.
func TestPlacesWithOtherThings(t *testing.T) {
	r, _, _ := installed(t, options(t.TempDir()), 1)
	data := backup(t, transfer.Place{Dir: r.dir})
	r.end()
	other := t.TempDir()
	thesis := filepath.Join(other, "photos", "thesis.txt")
	if err := errors.Join(os.Mkdir(filepath.Dir(thesis), 0o700), os.WriteFile(thesis, []byte("x"), 0o600)); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(r.dir, link); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		blobs string
		kind  fault.Kind
	}{
		"a folder of others":               {other, fault.Conflict},
		"the data folder":                  {r.dir, fault.Invalid},
		"the data folder by another name":  {link, fault.Invalid},
		"what the data folder is in":       {filepath.Dir(r.dir), fault.Invalid},
		"the data folder, written as none": {"file:" + r.dir + "/blobs/..", fault.Invalid},
	} {
		o := options(r.dir)
		o.Blobs = test.blobs
		s, err := importserver.Open(t.Context(), o, r.engine.functions())
		if fault.Of(err) != test.kind || fault.Hint(err) == "" {
			t.Errorf("%s: served: %v, %v", name, s, err)
		}
		if _, err := transfer.Move(t.Context(), transfer.Place{Dir: r.dir}, transfer.Place{Blobs: test.blobs}, moving(t)); fault.Of(err) != test.kind {
			t.Errorf("%s: moved to: %v", name, err)
		}
	}
	dir := t.TempDir()
	for _, at := range []string{other, dir, filepath.Dir(dir)} {
		if _, err := transfer.Restore(t.Context(), bytes.NewReader(data), transfer.Place{Dir: dir, Blobs: at}, moving(t)); err == nil {
			t.Errorf("restored to %s", at)
		}
	}
	for _, name := range []string{thesis, filepath.Join(r.dir, importserver.RowsFile), filepath.Join(r.dir, importserver.KeyFile)} {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
}

// A copy is an installation of its own: neither it nor the first takes evidence away
// that the other has.
func TestCopyHasBlobsOfItsOwn(t *testing.T) {
	first := options(t.TempDir())
	first.BlobAge = time.Nanosecond
	r, digests, want := installed(t, first, 2)
	data := backup(t, transfer.Place{Dir: r.dir})
	to := transfer.Place{Dir: t.TempDir(), Blobs: filepath.Join(r.dir, "blobs")}
	_, err := transfer.Restore(t.Context(), bytes.NewReader(data), to, moving(t))
	if fault.Of(err) != fault.Conflict || !strings.Contains(fault.Hint(err), "--take-over") {
		t.Fatalf("restored to the blobs of the first: %v; hint %q", err, fault.Hint(err))
	}
	o := moving(t)
	o.TakeOver = "somebody"
	if _, err := transfer.Restore(t.Context(), bytes.NewReader(data), to, o); fault.Of(err) != fault.Conflict {
		t.Fatalf("taken over from another: %v", err)
	}
	had := r.blobs()
	if o.TakeOver, err = blobstest.Open(t, to.Blobs).Owner(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	o.Progress = func(did string) {
		if strings.Contains(did, "rows") {
			cancel()
		}
	}
	if _, err := transfer.Restore(ctx, bytes.NewReader(data), to, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted: %v", err)
	}
	report, err := transfer.Restore(t.Context(), bytes.NewReader(data), to, moving(t))
	if err != nil || report.Found != report.Blobs || report.Installation == o.TakeOver {
		t.Fatalf("taken over: %+v, %v", report, err)
	}
	// The first goes on, as nobody should let it.
	if _, err := r.DeleteImages(t.Context(), digests, true); err != nil {
		t.Fatal(err)
	}
	if err := r.server.Tidy(t.Context()); err == nil {
		t.Error("rubbish was removed from blobs that were taken over")
	}
	if n := r.blobs(); n != had {
		t.Errorf("%d blobs are left of %d", n, had)
	}
	r.end()
	if s, err := importserver.Open(t.Context(), first, r.engine.functions()); fault.Of(err) != fault.Conflict || fault.Hint(err) == "" {
		t.Errorf("the first starts again: %v, %v", s, err)
	}
	second := options(to.Dir)
	second.Blobs, second.BlobAge = to.Blobs, time.Nanosecond
	restored := start(t, r.engine, second)
	if err := restored.server.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, restored.answers(digests...)); diff != "" {
		t.Error(diff)
	}
	if left, err := filepath.Glob(filepath.Join(to.Dir, "restor*")); len(left) != 0 || err != nil {
		t.Errorf("left in the data folder: %q, %v", left, err)
	}
}

// Rows that were moved are not used any more: they have the name of those that are.
func TestMovedRowsAreLeft(t *testing.T) {
	elsewhere(t, func(t *testing.T, dir, rows string) {
		r, digests, want := installed(t, options(t.TempDir()), 1)
		r.end()
		from, to := transfer.Place{Dir: r.dir}, transfer.Place{Store: rows}
		if _, err := transfer.Move(t.Context(), from, to, moving(t)); err != nil {
			t.Fatal(err)
		}
		left := func(when string) {
			t.Helper()
			s, err := importserver.Open(t.Context(), options(r.dir), r.engine.functions())
			if fault.Of(err) != fault.Conflict || !strings.Contains(err.Error(), "was moved to") || strings.Contains(err.Error(), "only-for-tests") || fault.Hint(err) == "" {
				t.Errorf("%s: served: %v, %v; hint %q", when, s, err, fault.Hint(err))
			}
		}
		left("after it was moved")
		elsewhere := transfer.Place{Store: "sqlite:" + filepath.Join(t.TempDir(), "x.db")}
		if _, err := transfer.Move(t.Context(), from, elsewhere, moving(t)); fault.Of(err) != fault.Conflict {
			t.Errorf("moved to two places: %v", err)
		}
		if _, err := transfer.Backup(t.Context(), from, nil, &bytes.Buffer{}, moving(t)); fault.Of(err) != fault.Conflict {
			t.Errorf("backed up: %v", err)
		}
		// A run that ended just before it said so.
		old, err := store.Open(t.Context(), "sqlite:"+filepath.Join(r.dir, importserver.RowsFile))
		if err != nil {
			t.Fatal(err)
		}
		err = old.InTx(t.Context(), func(tx *store.Tx) error { return tx.Leave(t.Context(), "") })
		if err := errors.Join(err, old.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := transfer.Move(t.Context(), from, to, moving(t)); fault.Of(err) != fault.Conflict || fault.Hint(err) == "" {
			t.Errorf("moved again: %v", err)
		}
		left("after it was moved again")
		bringKey(t, r.dir, dir)
		moved := start(t, r.engine, optionsOf(dir, rows, filepath.Join(r.dir, "blobs")))
		if diff := cmp.Diff(want, moved.answers(digests...)); diff != "" {
			t.Error(diff)
		}
	})
}

// That a database is named in another way does not make it another.
func TestMoveToTheSameDatabase(t *testing.T) {
	r, _, _ := installed(t, options(t.TempDir()), 1)
	r.end()
	to := transfer.Place{Store: "sqlite:" + filepath.Join(r.dir, "tmp") + "/../" + importserver.RowsFile}
	if _, err := transfer.Move(t.Context(), transfer.Place{Dir: r.dir}, to, moving(t)); fault.Of(err) != fault.Conflict {
		t.Fatal(err)
	}
	start(t, r.engine, options(r.dir))
}

// How long a process may be silent is its own matter: one that does not say that it
// ended, and of which no other says that it did, may run.
func TestMoveWaitsForProcesses(t *testing.T) {
	url := storetest.Schema(t, os.Getenv(storetest.PostgresVariable))
	rows, err := store.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	beat := store.Process{Name: "w", Kind: wire.ProcessWorker, Host: "h", StartedAt: time.Now().Add(-time.Hour), BeatAt: time.Now().Add(-20 * time.Minute)}
	write := func(do func(context.Context, *store.Tx) error) {
		t.Helper()
		if err := rows.InTx(t.Context(), func(tx *store.Tx) error { return do(t.Context(), tx) }); err != nil {
			t.Fatal(err)
		}
	}
	write(func(ctx context.Context, tx *store.Tx) error { return tx.BeatProcess(ctx, beat) })
	from := transfer.Place{Dir: t.TempDir(), Store: url}
	move := func(o transfer.Options) error {
		_, err := transfer.Move(t.Context(), from, transfer.Place{Blobs: t.TempDir()}, o)
		return err
	}
	if err := move(moving(t)); fault.Of(err) != fault.Conflict || !strings.Contains(err.Error(), "20m") || !strings.Contains(fault.Hint(err), "--all-stopped") {
		t.Errorf("a process that is silent for 20 minutes: %v; hint %q", err, fault.Hint(err))
	}
	o := moving(t)
	o.AllStopped = true
	if err := move(o); err != nil {
		t.Errorf("one that has ended, as the operator says: %v", err)
	}
	write(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.SilentProcesses(ctx, time.Now().Add(-time.Minute), time.Now())
		return err
	})
	if err := move(moving(t)); err != nil {
		t.Errorf("one that others found to be silent: %v", err)
	}
}
