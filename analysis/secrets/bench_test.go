package secrets_test

import (
	"bytes"
	"math/rand"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tidepole/tidepole/analysis/secrets"
)

// prose has the words that keywords are made of as often as program text and
// settings do, and no secret.
var prose = strings.Fields(`the key of this function returns token when password is
	set := config.value if err != nil { return } "api_key": null, user_token = $TOKEN
	secret name: string https://host.test/path?query=1 import from "module" # comment
	const port = 8080; class Server(object): self.timeout = 30 package main func <div>`)

func BenchmarkText(b *testing.B) {
	r := rand.New(rand.NewSource(1))
	var text bytes.Buffer
	for text.Len() < 512<<10 {
		for range 8 {
			text.WriteString(prose[r.Intn(len(prose))] + " ")
		}
		text.WriteByte('\n')
	}
	benchmark(b, "/app/server.conf", text.Bytes())
}

func BenchmarkBinary(b *testing.B) {
	content := make([]byte, 512<<10)
	rand.New(rand.NewSource(1)).Read(content)
	benchmark(b, "/usr/bin/server", content)
}

func benchmark(b *testing.B, path string, content []byte) {
	m := matcher(b, secrets.Options{})
	b.SetBytes(int64(len(content)))
	start, scanned := processorTime(), 0
	for b.Loop() {
		scanned += len(content)
		if _, _, err := m.Scan(path, int64(len(content)), bytes.NewReader(content)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(scanned)/1e6/(processorTime()-start).Seconds(), "MB/cpu-s")
}

// processorTime is what the process has used: the wall clock of a machine that
// does other work as well says little.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkHostile is a file made to be slow: every keyword of every rule,
// over and over.
func BenchmarkHostile(b *testing.B) {
	var words []string
	for _, r := range secrets.Rules() {
		for _, k := range r.Keywords {
			words = append(words, k+"=")
		}
	}
	text := strings.Repeat(strings.Join(words, strings.Repeat("A1b2", 10)), 1<<20/len(words)/48)
	benchmark(b, "/app/server.conf", []byte(text[:min(len(text), 1<<20)]))
}
