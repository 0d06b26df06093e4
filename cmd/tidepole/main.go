// Command tidepole analyses container images, keeps what it found on a server,
// matches it against a vulnerability database and judges it by a policy.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/tidepole/tidepole/cmd/internal/cli"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/progress"
	"github.com/tidepole/tidepole/formats/table"
)

// Set when a release is built.
var (
	version = ""
	commit  = ""
	date    = ""
)

// now is the time; see clock.go for when it is another than the machine's.
var now = time.Now

func main() { os.Exit(run()) }

func run() int {
	e := process()
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	hangUp(signals)
	ignorePipe()
	go func() {
		first := cli.Signal{Signal: <-signals}
		cancel(first)
		<-signals // the user does not want to wait
		fmt.Fprintln(os.Stderr, "ended at once: what was under way is unfinished; others list a server or worker until they find that it is silent")
		_ = e.RemoveTemp()
		os.Exit(first.Code())
	}()
	return cli.Run(ctx, e)
}

// process is this process as a value.
func process() *env.Env {
	return &env.Env{
		Args: os.Args[1:], In: os.Stdin, InTTY: term.IsTerminal(int(os.Stdin.Fd())),
		Out: stdout(), Err: stderr(),
		Lookup: os.LookupEnv, Environ: os.Environ, Setenv: os.Setenv, Now: now,
		Version: build(), Program: program(),
	}
}

// program is this executable, also where its file was replaced meanwhile. Where the
// system tells of no name for it, analyses are made in this process.
func program() string {
	const self = "/proc/self/exe"
	if _, err := os.Stat(self); err == nil {
		return self
	}
	name, err := os.Executable()
	if err != nil {
		return ""
	}
	return name
}

// stdout shows nothing that steers the terminal, if it is one.
func stdout() env.Stream {
	s := stream(os.Stdout)
	if s.Terminal {
		s.Writer = table.NewCleaner(os.Stdout)
	}
	return s
}

func stderr() env.Stream {
	s := stream(os.Stderr)
	if s.Terminal {
		s.Writer = progress.NewScreen(os.Stderr, s.Width)
	}
	return s
}

func stream(f *os.File) env.Stream {
	fd := int(f.Fd())
	return env.Stream{
		Writer: f, Terminal: term.IsTerminal(fd),
		Width: func() int {
			width, _, err := term.GetSize(fd)
			if err != nil {
				return 0
			}
			return width
		},
	}
}

// build is what the linker was told or, for a plain go build, what Go knows.
func build() env.Version {
	v := env.Version{Number: version, Commit: commit, Date: date}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if v.Number == "" {
		v.Number = info.Main.Version
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && v.Commit == "":
			v.Commit = s.Value
		case s.Key == "vcs.time" && v.Date == "":
			v.Date = s.Value
		}
	}
	return v
}
