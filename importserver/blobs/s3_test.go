package blobs_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver/blobs"
	"github.com/tidepole/tidepole/importserver/blobs/blobstest"
)

// do makes what a line does to requests.
func do(l *blobstest.Line, f func(http.ResponseWriter, *http.Request) bool) { l.Do.Store(&f) }

func TestObjectStoreThatFails(t *testing.T) {
	objectStores(t, func(t *testing.T, endpoint string) {
		for name, test := range map[string]struct {
			do         func(http.ResponseWriter, *http.Request) bool
			says, hint string
		}{
			"refuses": {func(w http.ResponseWriter, r *http.Request) bool {
				blobstest.Answer(w, 403, "SignatureDoesNotMatch")
				return true
			}, "SignatureDoesNotMatch", "credentials"},
			"has too much to do": {func(w http.ResponseWriter, r *http.Request) bool {
				blobstest.Answer(w, 503, "SlowDown")
				return true
			}, "SlowDown", "try again later"},
			"lost the bucket": {func(w http.ResponseWriter, r *http.Request) bool {
				blobstest.Answer(w, 404, "NoSuchBucket")
				return true
			}, "NoSuchBucket", "make the bucket"},
			"does not answer": {func(w http.ResponseWriter, r *http.Request) bool {
				<-r.Context().Done()
				return true
			}, "timeout", "slow or out of reach"},
			"hangs up": {func(w http.ResponseWriter, r *http.Request) bool {
				panic(http.ErrAbortHandler)
			}, "EOF", ""},
		} {
			t.Run(name, func(t *testing.T) {
				l := blobstest.NewLine(t, endpoint)
				at, _, _ := blobstest.NewBucket(t, l.URL)
				at += "&attempts=1"
				s := blobstest.Open(t, at)
				k := blobstest.Keep(t, s, "", "x")
				if test.says == "timeout" {
					at += "&timeout=300ms"
					s = openSoon(t, at)
				}
				do(l, func(w http.ResponseWriter, r *http.Request) bool {
					io.Copy(io.Discard, r.Body)
					return test.do(w, r)
				})
				staged, err := s.Stage(t.Context(), strings.NewReader("y"), 1)
				if err != nil {
					t.Fatal(err)
				}
				defer staged.Discard()
				_, read := s.Check(t.Context(), k)
				_, owner := s.Owner(t.Context())
				_, sweep := s.Sweep(t.Context(), time.Now())
				_, again := blobs.Open(t.Context(), at, t.TempDir())
				for what, err := range map[string]error{
					"keep": s.Keep(t.Context(), blobs.Key{Digest: staged.Digest}, staged), "read": read,
					"list": s.Each(t.Context(), func(blobs.Key) error { return nil }), "owner": owner, "sweep": sweep, "open": again,
				} {
					if fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), test.says) || !strings.Contains(fault.Hint(err), test.hint) {
						t.Errorf("%s: %v (%v), want %q; hint %q, want %q", what, err, fault.Of(err), test.says, fault.Hint(err), test.hint)
					}
				}
			})
		}
	})
}

// openSoon opens a store that answers, but not always in time.
func openSoon(t *testing.T, url string) (s *blobs.Store) {
	t.Helper()
	err := errors.New("not tried")
	for deadline := time.Now().Add(time.Minute); err != nil && time.Now().Before(deadline); {
		s, err = blobs.Open(t.Context(), url, t.TempDir())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Who starts a server does not wait long for a store that says nothing.
func TestSilentStoreIsToldSoon(t *testing.T) {
	defer blobs.EnterWithin(300 * time.Millisecond)()
	l := blobstest.NewLine(t, fakeS3(t))
	at, _, _ := blobstest.NewBucket(t, l.URL)
	do(l, func(w http.ResponseWriter, r *http.Request) bool {
		<-r.Context().Done()
		return true
	})
	_, err := blobs.Open(t.Context(), at, t.TempDir())
	if fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), "no answer in 300ms") || !strings.Contains(fault.Hint(err), "slow or out of reach") {
		t.Errorf("%v: %v, hint %q", fault.Of(err), err, fault.Hint(err))
	}
}

// Some stores do not say of which kind the thing is that they have not.
func TestBucketThatIsNotThere(t *testing.T) {
	for _, code := range []string{"NoSuchBucket", "NotFound"} {
		l := blobstest.NewLine(t, fakeS3(t))
		at, _, _ := blobstest.NewBucket(t, l.URL)
		do(l, func(w http.ResponseWriter, r *http.Request) bool {
			blobstest.Answer(w, 404, code)
			return true
		})
		_, err := blobs.Open(t.Context(), at, t.TempDir())
		if fault.Of(err) != fault.Unavailable || !strings.Contains(fault.Hint(err), "make the bucket") {
			t.Errorf("%s: %v: %v, hint %q", code, fault.Of(err), err, fault.Hint(err))
		}
	}
}

func TestFailedCallsAreMadeAgain(t *testing.T) {
	l := blobstest.NewLine(t, fakeS3(t))
	at, _, _ := blobstest.NewBucket(t, l.URL)
	s := blobstest.Open(t, at)
	var calls atomic.Int32
	do(l, func(w http.ResponseWriter, r *http.Request) bool {
		if calls.Add(1)%2 == 1 {
			blobstest.Answer(w, 503, "ServiceUnavailable")
			return true
		}
		return false
	})
	k := blobstest.Keep(t, s, "", "x")
	if got, err := blobstest.Read(t.Context(), s, k); got != "x" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if n := calls.Load(); n < 4 {
		t.Errorf("%d calls, of which every other one failed", n)
	}
}

// A cut line is no damage: the hint would have people analyse images again.
func TestCutLineIsNotDamage(t *testing.T) {
	objectStores(t, func(t *testing.T, endpoint string) {
		l := blobstest.NewLine(t, endpoint)
		at, _, _ := blobstest.NewBucket(t, l.URL)
		s := blobstest.Open(t, at+"&attempts=1")
		k := blobstest.Keep(t, s, "", strings.Repeat("a line to be cut ", 1000))
		do(l, func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodGet {
				return false
			}
			w.Header().Set("Content-Length", "1000")
			w.Write(make([]byte, 10)[:0])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		})
		_, err := blobstest.Read(t.Context(), s, k)
		if fault.Of(err) != fault.Unavailable || strings.Contains(err.Error(), "damaged") || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%v (%v)", err, fault.Of(err))
		}
	})
}

// Whether the bytes were there does not show in the work: they are sent all the same.
func TestKnownBlobIsSentAgain(t *testing.T) {
	objectStores(t, func(t *testing.T, endpoint string) {
		l := blobstest.NewLine(t, endpoint)
		at, _, _ := blobstest.NewBucket(t, l.URL)
		s := blobstest.Open(t, at)
		for _, data := range []string{"x", "x", "y"} {
			var asked []string
			do(l, func(w http.ResponseWriter, r *http.Request) bool {
				asked = append(asked, r.Method)
				return false
			})
			blobstest.Keep(t, s, "", data)
			if got := strings.Join(asked, " "); got != "PUT" {
				t.Errorf("asked: %s", got)
			}
		}
	})
}

func TestNobodyListens(t *testing.T) {
	_, err := blobs.Open(t.Context(), "s3://bucket?endpoint=http://127.0.0.1:1&use_path_style=true&attempts=1", t.TempDir())
	if fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), "refused") || !strings.Contains(fault.Hint(err), "endpoint") {
		t.Errorf("%v; hint %q", err, fault.Hint(err))
	}
}

func TestPrefixesShareABucket(t *testing.T) {
	objectStores(t, func(t *testing.T, endpoint string) {
		at, _, _ := blobstest.NewBucket(t, endpoint)
		one, two := blobstest.Open(t, strings.Replace(at, "?", "/team/one/?", 1)), blobstest.Open(t, strings.Replace(at, "?", "/team/two?", 1))
		for owner, s := range map[string]*blobs.Store{"one": one, "two": two} {
			if err := s.Claim(t.Context(), owner); err != nil {
				t.Error(err)
			}
		}
		k := blobstest.Keep(t, one, "", "x")
		if _, err := two.Check(t.Context(), k); fault.Of(err) != fault.NotFound {
			t.Errorf("one's blob is found by two: %v", err)
		}
		if err := two.Each(t.Context(), func(k blobs.Key) error { return errors.New("listed") }); err != nil {
			t.Errorf("two lists one's blob: %v", err)
		}
		if _, err := one.Check(t.Context(), k); err != nil {
			t.Error(err)
		}
	})
}
