package image_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/formats/fault"
)

// answer is a registry's answer, which a test may spoil before it goes out.
type answer struct {
	*httptest.ResponseRecorder
	body []byte
}

// spoiled has answers to GET below path changed. spoil tells whether it wrote
// the answer itself.
func spoiled(path string, spoil func(w http.ResponseWriter, req *http.Request, a *answer) bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if req.Method != http.MethodGet || !strings.Contains(req.URL.Path, path) {
				next.ServeHTTP(w, req)
				return
			}
			plain := req.Clone(req.Context())
			plain.Header.Del("Range")
			a := &answer{ResponseRecorder: httptest.NewRecorder()}
			next.ServeHTTP(a, plain)
			a.body = a.Body.Bytes()
			if spoil(w, req, a) {
				return
			}
			for key, values := range a.Header() {
				if key != "Content-Length" {
					w.Header()[key] = values
				}
			}
			w.WriteHeader(a.Code)
			w.Write(a.body)
		})
	}
}

// bigLayer is an image whose only layer does not compress.
func bigLayer(t *testing.T) v1.Image {
	var noise bytes.Buffer
	for x := uint64(1); noise.Len() < 3<<20; {
		x = x*6364136223846793005 + 1442695040888963407
		noise.WriteByte(byte(x >> 56))
	}
	return imagetest.New(t, imagetest.Spec{Layers: []imagetest.Layer{{"noise": {Content: noise.String()}}}})
}

func layerDigest(t *testing.T, img v1.Image) string { return listed(t, img)[0] }

func TestManifestThatLies(t *testing.T) {
	change := func(a *answer) { a.body = append(a.body, ' ') }
	var spoil func(*answer)
	r, ask := plain(t, imagetest.RegistryOptions{Wrap: spoiled("/manifests/", func(_ http.ResponseWriter, _ *http.Request, a *answer) bool {
		spoil(a)
		return false
	})})
	spoil = func(*answer) {}
	digest := r.Push(t, "app:1", imagetest.New(t, spec()))
	index := twoPlatforms(t)
	r.Push(t, "list:1", index)
	for _, ref := range []string{"app@" + digest, "app:1", "list:1"} {
		spoil = change
		if ref == "list:1" { // the index is right and the manifest it leads to is not
			spoil = func(a *answer) {
				if !bytes.Contains(a.body, []byte(`"manifests"`)) {
					change(a)
				}
			}
		}
		err := refuse(t, ask(ref))
		same(t, ref, fault.Of(err), fault.Unsupported)
		if !strings.Contains(err.Error(), "should have the digest sha256:") {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

func TestLayerThatLies(t *testing.T) {
	img := imagetest.New(t, spec())
	digest := layerDigest(t, img)
	layers, _ := img.Layers()
	diffID, _ := layers[0].DiffID()
	for name, c := range map[string]struct {
		spoil func(a *answer)
		says  string
	}{
		"changed":  {func(a *answer) { a.body[len(a.body)/2] ^= 1 }, "layer " + digest + " should have the digest"},
		"longer":   {func(a *answer) { a.body = append(a.body, make([]byte, 100)...) }, "longer"},
		"replaced": {func(a *answer) { a.body = bytes.Repeat([]byte("x"), len(a.body)) }, "layer " + digest + " should have the digest"},
	} {
		t.Run(name, func(t *testing.T) {
			r, ask := plain(t, imagetest.RegistryOptions{Wrap: spoiled("/blobs/"+digest, func(_ http.ResponseWriter, _ *http.Request, a *answer) bool {
				c.spoil(a)
				return false
			})})
			r.Push(t, "app:1", img)
			err := failToRead(t, ask("app:1"), image.Reading{})
			same(t, "kind", fault.Of(err), fault.Unsupported)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v does not say %q", err, c.says)
			}
		})
	}
	t.Run("diff ID", func(t *testing.T) {
		lying := withDiffID(t, img, v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)})
		err := failToRead(t, request(t, "oci-dir", imagetest.OCIDir(t, items(lying))), image.Reading{})
		if err == nil || !strings.Contains(err.Error(), digest) || !strings.Contains(err.Error(), diffID.String()) {
			t.Errorf("%v does not name the layer and its diff IDs", err)
		}
	})
}

func TestBrokenConnectionIsTakenUpAgain(t *testing.T) {
	t.Parallel()
	img := bigLayer(t)
	for name, ranges := range map[string]bool{"with ranges": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			var breaks atomic.Int32
			r, ask := plain(t, imagetest.RegistryOptions{Wrap: spoiled("/blobs/"+layerDigest(t, img), func(w http.ResponseWriter, req *http.Request, a *answer) bool {
				from := 0
				if n, _ := fmt.Sscanf(req.Header.Get("Range"), "bytes=%d-", &from); n == 1 && ranges {
					w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(a.body)-1, len(a.body)))
					w.WriteHeader(http.StatusPartialContent)
				} else {
					from = 0
				}
				if breaks.Add(1) <= 3 {
					w.Write(a.body[from : from+(len(a.body)-from)/2])
					panic(http.ErrAbortHandler)
				}
				w.Write(a.body[from:])
				return true
			})})
			r.Push(t, "app:1", img)
			same(t, "layers", read(t, open(t, ask("app:1")), image.Reading{}), byDiffID(t, img))
			same(t, "connections", breaks.Load(), int32(4))
		})
	}
}

func TestStalledRegistryIsGivenUp(t *testing.T) {
	t.Parallel()
	img := bigLayer(t)
	r, ask := plain(t, imagetest.RegistryOptions{Wrap: spoiled("/blobs/"+layerDigest(t, img), func(w http.ResponseWriter, req *http.Request, a *answer) bool {
		w.Write(a.body[:1000])
		w.(http.Flusher).Flush()
		<-req.Context().Done()
		return true
	})})
	r.Push(t, "app:1", img)
	req := ask("app:1")
	req.Options.Registry.StallTimeout = 200 * time.Millisecond
	err := failToRead(t, req, image.Reading{})
	same(t, "kind", fault.Of(err), fault.Unavailable)
	if err == nil || !strings.Contains(err.Error(), "silent") {
		t.Errorf("%v does not say that nothing came", err)
	}
}

// A byte now and then is as good as none.
func TestDrippingRegistryIsGivenUp(t *testing.T) {
	t.Parallel()
	img := bigLayer(t)
	r, ask := plain(t, imagetest.RegistryOptions{Wrap: spoiled("/blobs/"+layerDigest(t, img), func(w http.ResponseWriter, req *http.Request, a *answer) bool {
		for _, b := range a.body {
			w.Write([]byte{b})
			w.(http.Flusher).Flush()
			select {
			case <-req.Context().Done():
				return true
			case <-time.After(50 * time.Millisecond):
			}
		}
		return true
	})})
	r.Push(t, "app:1", img)
	req := ask("app:1")
	req.Options.Registry.StallTimeout = 500 * time.Millisecond
	err := failToRead(t, req, image.Reading{})
	same(t, "kind", fault.Of(err), fault.Unavailable)
	if err == nil || !strings.Contains(err.Error(), "silent") {
		t.Errorf("%v does not say that too little came", err)
	}
}

// The answer to the first question of all begins, and does not end.
func TestRegistryThatStallsWhileItIsSignedInTo(t *testing.T) {
	t.Parallel()
	r, ask := plain(t, imagetest.RegistryOptions{Wrap: func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			w.(http.Flusher).Flush()
			<-req.Context().Done()
		})
	}})
	req := ask("app:1")
	req.Options.Registry.StallTimeout = 200 * time.Millisecond
	for what, err := range map[string]error{"open": refuse(t, req), "ping": image.Ping(t.Context(), r.Host, req.Options.Registry)} {
		if fault.Of(err) != fault.Unavailable || !strings.Contains(err.Error(), "silent") {
			t.Errorf("%s: %v does not say that nothing came", what, err)
		}
	}
}

// Who reads no more of a layer does not wait for its sender.
func TestStreamIsAbandoned(t *testing.T) {
	img := bigLayer(t)
	r, ask := plain(t, imagetest.RegistryOptions{Wrap: spoiled("/blobs/"+layerDigest(t, img), func(w http.ResponseWriter, req *http.Request, a *answer) bool {
		w.Write(a.body[:1<<20])
		w.(http.Flusher).Flush()
		<-req.Context().Done()
		return true
	})})
	r.Push(t, "app:1", img)
	enough := errors.New("enough")
	err := failToRead(t, ask("app:1"), image.Reading{Layer: func(_ context.Context, s image.Stream) error {
		time.AfterFunc(100*time.Millisecond, s.Abandon)
		if _, err := io.Copy(io.Discard, s); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, not that it was abandoned", err)
		}
		return enough
	}})
	if !errors.Is(err, enough) {
		t.Errorf("%v is not what the reader said", err)
	}
}

func TestStalledRegistryCanBeInterrupted(t *testing.T) {
	asked := make(chan struct{}, 100)
	r, ask := plain(t, imagetest.RegistryOptions{Wrap: spoiled("/manifests/", func(_ http.ResponseWriter, req *http.Request, _ *answer) bool {
		asked <- struct{}{}
		<-req.Context().Done()
		return true
	})})
	r.Push(t, "app:1", imagetest.New(t, spec()))
	req := ask("app:1")
	req.Options.Registry.StallTimeout = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	_, err := image.Open(ctx, req)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v is not context.Canceled", err)
	}
	nothingLeft(t, req)
}

func TestBusyRegistryIsAskedAgain(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	r, ask := plain(t, imagetest.RegistryOptions{Wrap: spoiled("/manifests/", func(w http.ResponseWriter, _ *http.Request, _ *answer) bool {
		if asked.Add(1) > 1 {
			return false
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})})
	r.Push(t, "app:1", imagetest.New(t, spec()))
	open(t, ask("app:1"))
	same(t, "times asked", asked.Load(), int32(2)) // however long that takes: only a minute's silence is asked about a third time
}

func TestRefusalsAreFaults(t *testing.T) {
	hostile := "\x1b[31mred\x07 " + strings.Repeat("long ", 200)
	for status, kind := range map[int]fault.Kind{
		http.StatusNotFound: fault.NotFound, http.StatusUnauthorized: fault.Denied, http.StatusForbidden: fault.Forbidden,
		http.StatusTeapot: fault.Unavailable,
	} {
		r, ask := plain(t, imagetest.RegistryOptions{Wrap: spoiled("/manifests/", func(w http.ResponseWriter, _ *http.Request, _ *answer) bool {
			w.WriteHeader(status)
			w.Write([]byte(`{"errors":[{"code":"X","message":"` + strings.NewReplacer("\x1b", `\u001b`, "\x07", `\u0007`).Replace(hostile) + `"}]}`))
			return true
		})})
		r.Push(t, "app:1", imagetest.New(t, spec()))
		err := refuse(t, ask("app:1"))
		same(t, http.StatusText(status), fault.Of(err), kind)
		if strings.ContainsAny(err.Error(), "\x1b\x07\n") || len(err.Error()) > 1000 {
			t.Errorf("the error repeats what a terminal would act on: %q", err)
		}
	}
}
