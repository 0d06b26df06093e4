package analysis_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis"
	"github.com/tidepole/tidepole/analysis/cache"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/formats/fault"
)

// failing is a cache on a disk that does not give back what was written to it.
type failing struct {
	cache.Store
	written func(at int64) error               // reading what is being written
	kept    func(b cache.Blob, at int64) error // reading an entry
}

func (s failing) Create(ctx context.Context, kind string) (cache.Pending, error) {
	p, err := s.Store.Create(ctx, kind)
	return failingPending{p, s}, err
}

func (s failing) Get(ctx context.Context, kind, key string) (cache.Blob, error) {
	b, err := s.Store.Get(ctx, kind, key)
	return failingBlob{b, s}, err
}

type failingPending struct {
	cache.Pending
	of failing
}

func (p failingPending) ReadAt(b []byte, at int64) (int, error) {
	if p.of.written != nil {
		if err := p.of.written(at); err != nil {
			return 0, err
		}
	}
	return p.Pending.ReadAt(b, at)
}

func (p failingPending) Commit(key string) (cache.Blob, error) {
	b, err := p.Pending.Commit(key)
	return failingBlob{b, p.of}, err
}

type failingBlob struct {
	cache.Blob
	of failing
}

func (b failingBlob) ReadAt(p []byte, at int64) (int, error) {
	if b.of.kept != nil {
		if err := b.of.kept(b.Blob, at); err != nil {
			return 0, err
		}
	}
	return b.Blob.ReadAt(p, at)
}

var errDisk = errors.New("the disk is gone")

// elf is as much of an executable as tells that it is one.
const elf = "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x3e\x00\x01\x00\x00\x00"

// That an executable could not be read back is not what is known of it from then
// on.
func TestADiskThatFailsWhileExecutablesAreLookedInto(t *testing.T) {
	layer := imagetest.Layer{"bin/x": {Content: elf + strings.Repeat("\x00", 500), Mode: 0o755}}
	req := analysis.Request{Image: ociDir(t, imagetest.New(t, imagetest.Spec{Layers: []imagetest.Layer{layer}}))}
	store := openCache(t)
	o := analysis.Options{Cache: failing{Store: store, written: func(int64) error { return errDisk }}, TempDir: t.TempDir()}
	if _, err := analysis.Analyze(t.Context(), req, o); !errors.Is(err, errDisk) || !strings.Contains(err.Error(), "/bin/x") {
		t.Errorf("error is %v", err)
	}
	if all := cached(t, store); len(all) > 0 {
		t.Errorf("%d entries are kept", len(all))
	}
	wantEmpty(t, o.TempDir)
}

func TestADiskThatNeverGivesBackWhatWasWritten(t *testing.T) {
	req := analysis.Request{Image: ociDir(t, imagetest.New(t, spec))}
	store := openCache(t)
	const firstContent = 8 // comes after a record's magic
	o := analysis.Options{TempDir: t.TempDir(), Cache: failing{Store: store, kept: func(_ cache.Blob, at int64) error {
		if at == firstContent {
			return errDisk
		}
		return nil
	}}}
	_, err := analysis.Analyze(t.Context(), req, o)
	if !errors.Is(err, errDisk) || fault.Of(err) != fault.Unavailable || !strings.Contains(fault.Hint(err), "tidepole cache clear") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error is %v (%s)", err, fault.Hint(err))
	}
	wantEmpty(t, o.TempDir)
}

// A file that cannot be read back is no file that the image lacks.
func TestADiskThatFailsWhileAFileIsRetrieved(t *testing.T) {
	found, _ := matchers(t)
	req := analysis.Request{Image: ociDir(t, imagetest.New(t, spec))}
	for _, why := range []error{errDisk, io.ErrUnexpectedEOF, io.EOF} {
		store := openCache(t)
		const besideSecrets = 300 // bytes, at most; a record has more
		o := analysis.Options{TempDir: t.TempDir(), Secrets: found, Cache: failing{Store: store, kept: func(b cache.Blob, at int64) error {
			if at > 0 && at < b.Size() && b.Size() < besideSecrets {
				return why
			}
			return nil
		}}}
		if _, err := analysis.Analyze(t.Context(), req, o); err == nil || why != io.EOF && !errors.Is(err, why) {
			t.Errorf("%v: error is %v", why, err)
		}
		wantEmpty(t, o.TempDir)
	}
}

// What lies beside secrets is verified, too, and made again where it is damaged.
func TestDamageBesideSecrets(t *testing.T) {
	found, _ := matchers(t)
	req := analysis.Request{Image: ociDir(t, imagetest.New(t, spec)), Name: "example.com/app:1"}
	store := openCache(t)
	o := analysis.Options{Secrets: found, Cache: store}
	want := parts(t, analyze(t, req, o))
	aside := func() string {
		t.Helper()
		all := cached(t, store)
		for path, data := range all {
			if strings.Contains(path, "/layer/") && !strings.HasPrefix(data, "TIDEREC\n") {
				return path
			}
		}
		t.Fatal("nothing lies beside a record")
		return ""
	}
	path := aside()
	whole, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(whole), passwd) {
		t.Fatalf("%q, %v", whole, err)
	}
	for _, again := range []string{"damaged", "removed"} {
		for path := range cached(t, store) {
			if strings.Contains(path, "/bundle/") || strings.Contains(path, "/catalogue") {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			}
		}
		if again == "damaged" {
			err = os.WriteFile(path, []byte(strings.Replace(string(whole), "root:x:0", "root:x:9", 1)), 0o600)
		} else {
			err = os.Remove(path)
		}
		if err != nil {
			t.Fatal(err)
		}
		o.Cache = store
		for _, time := range []string{"at once", "the next time"} {

			if diff := cmp.Diff(want, parts(t, analyze(t, req, o))); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%.2000s", again, time, diff)
			}
			for path := range cached(t, store) {
				if strings.Contains(path, "/bundle/") {
					if err := os.Remove(path); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		if data, err := os.ReadFile(aside()); err != nil || string(data) != string(whole) {
			t.Errorf("%s, it holds %q afterwards, %v", again, data, err)
		}
	}
}

func TestPatternsDoNotPassForOthers(t *testing.T) {
	one := analysis.Fingerprint(analysis.Options{Retrieve: []string{"/a\n/b"}})
	two := analysis.Fingerprint(analysis.Options{Retrieve: []string{"/a", "/b"}})
	if one == two {
		t.Error("one pattern passes for two others")
	}
}

func TestWhatIsPreparedMayPanic(t *testing.T) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		analysis.Quietly(func() { panic("oops") })
	}()
	<-done
}
