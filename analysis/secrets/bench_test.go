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

// prose is like program text and settings: every fortieth word has a keyword
// in it, and none is a secret.
var prose = strings.Fields(`the key of this function returns value when name is set :=
	config.value if err != nil { return } "api_key": null, user.name = $HOME name: string
	https://host.test/path?query=1 import from "module" # comment const port = 8080; class
	Server(object): self.timeout = 30 package main func <div> class="wide" def run(self,
	request): for item in range(10): print item; while true; do sleep 1; done else elif
	struct interface map[string]int select case default break continue <p>Some words that
	explain, at length, what the program does and why. </p> margin: 0 auto; padding: 4px
	10.0.0.1 2024-01-31T10:00:00Z INFO started worker=3 queue=mail elapsed=12ms`)

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
	benchmark(b, "/app/server.conf", []byte(hostile(strings.Repeat("A1b2", 10))))
}

// BenchmarkNew is what a command that analyses pays at its start.
func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		matcher(b, secrets.Options{})
	}
}
