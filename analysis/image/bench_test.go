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
		b.Run(name+"/old", func(b *testing.B) {
			measured(b, func() {
				all, _ := open(b, req).V1().Layers()
				r, err := all[0].Uncompressed()
				if err != nil {
					b.Fatal(err)
				}
				n, err := io.Copy(io.Discard, r)
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(n)
			})
		})
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
