package image_test

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"io"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	moby "github.com/moby/moby/client"

	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
)

// BenchmarkLayer unpacks and verifies one layer. TIDEPOLE_BENCH_TAR may name a
// tar file to use; the layer is else made up.
func BenchmarkLayer(b *testing.B) {
	layer := imagetest.RawLayer(b, benchTar(b), imagetest.Gzip)
	b.Run("gzip/standard library", func(b *testing.B) {
		measured(b, func() {
			packed, err := layer.Compressed()
			if err != nil {
				b.Fatal(err)
			}
			stored, unpacked := sha256.New(), sha256.New()
			tar, err := gzip.NewReader(io.TeeReader(packed, stored))
			if err != nil {
				b.Fatal(err)
			}
			n, err := io.Copy(unpacked, tar)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(n)
		})
	})
	for name, c := range map[string]imagetest.Compression{"gzip": imagetest.Gzip, "zstd": imagetest.Zstd, "plain": imagetest.Plain} {
		img := imagetest.FromLayers(b, imagetest.RawLayer(b, benchTar(b), c))
		req := request(b, "oci-dir", imagetest.OCIDir(b, items(img)))
		b.Run(name+"/read", func(b *testing.B) {
			measured(b, func() {
				err := open(b, req).Read(b.Context(), image.Reading{Layer: func(_ context.Context, l image.Stream) error {
					n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, l, make([]byte, 256<<10))
					b.SetBytes(n)
					return err
				}})
				if err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// BenchmarkDaemon has a real daemon save an image of two layers, and reads it.
func BenchmarkDaemon(b *testing.B) {
	raw := benchTar(b)
	img := imagetest.FromLayers(b, imagetest.RawLayer(b, raw, imagetest.Plain),
		imagetest.RawLayer(b, imagetest.Layer{"copy.tar": {Content: string(raw)}}.Tar(b), imagetest.Plain))
	for name, in := range map[string]func(testing.TB, v1.Image) image.Request{"docker": inDocker, "podman": inPodman} {
		b.Run(name, func(b *testing.B) {
			req := in(b, img)
			host := req.Options.Docker.Host + req.Options.Podman.Host
			b.Run("save", func(b *testing.B) {
				measured(b, func() { b.SetBytes(save(b, host, req.Reference)) })
			})
			b.Run("read", func(b *testing.B) {
				measured(b, func() {
					err := open(b, req).Read(b.Context(), image.Reading{Layer: func(_ context.Context, l image.Stream) error {
						_, err := io.Copy(sha256.New(), l)
						return err
					}})
					if err != nil {
						b.Fatal(err)
					}
				})
			})
		})
	}
}

// save has a daemon save an image, and tells how long the archive is.
func save(b *testing.B, host, ref string) int64 {
	api, err := moby.New(moby.WithHost(host))
	if err != nil {
		b.Fatal(err)
	}
	defer api.Close()
	archive, err := api.ImageSave(b.Context(), []string{ref})
	if err != nil {
		b.Fatal(err)
	}
	defer archive.Close()
	n, err := io.Copy(io.Discard, archive)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// measured tells the processor time as well.
func measured(b *testing.B, do func()) {
	b.ReportAllocs()
	before := processor(b)
	for b.Loop() {
		do()
	}
	b.ReportMetric((processor(b)-before).Seconds()/float64(b.N), "cpu-s/op")
}

func processor(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func benchTar(b *testing.B) []byte {
	if path := os.Getenv("TIDEPOLE_BENCH_TAR"); path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		return data
	}
	words := make([]byte, 32<<20)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range words {
		words[i] = "etaoin shrdlu\n"[random.IntN(14)]
	}
	return imagetest.Layer{"words": {Content: string(words)}}.Tar(b)
}
