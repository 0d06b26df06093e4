// Package env is what a command may use of the process it runs in: its streams,
// its arguments, its environment and its clock, all as values.
package env

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel/trace"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/formats/table"
)

// Env is one run of the program.
type Env struct {
	Args    []string // without the program's name
	In      io.Reader
	InTTY   bool   // In is a terminal
	Out     Stream // results
	Err     Stream // everything else
	Lookup  func(name string) (string, bool)
	Environ func() []string                // all variables, as NAME=VALUE; nil: they are not listed
	Setenv  func(name, value string) error // nil: the process's environment is left alone
	Now     func() time.Time

	Version Version
	Program string // the executable that this is; "" where it cannot be run once more

	// What follows is set once the command line and the configuration are read.

	// Ready reads the configuration for what runs no command, as completion does.
	Ready func(*cobra.Command) error

	Global   Global
	Analysis Analysis
	Bounds   Bounds

	AdminPassword string // of the server that serve runs; "" where none is given
	Config        *config.Config
	Log           *slog.Logger
	Tracer        trace.Tracer // of a server; nil where nothing is traced
	EndTrace      func(error)  // ends the trace of the command, if there is one; nil where there is none

	temp temp
}

// Version says which build this is.
type Version struct {
	Number string `json:"version"`
	Commit string `json:"commit,omitempty"`
	Date   string `json:"buildDate,omitempty"`
}

// Stream is an output stream, and what is known of the terminal behind it.
type Stream struct {
	io.Writer
	Terminal bool
	Width    func() int // columns of the terminal; nil or 0: unknown
}

// Columns is the width of the terminal, or 0 where there is none.
func (s Stream) Columns() int {
	if !s.Terminal || s.Width == nil {
		return 0
	}
	return s.Width()
}

// Global are the settings of all commands.
type Global struct {
	ConfigFile   string
	URL          string
	Username     string
	Password     string
	PasswordFile string
	Account      string
	CAFiles      []string
	Format       string
	Quiet        bool
	Verbose      int
	LogFormat    string // one of logs.Formats
	LogLevel     string // "": as the command and Verbose have it
	TempDir      string
	Timeout      time.Duration
}

// Getenv is the value of a variable, or "".
func (e *Env) Getenv(name string) string {
	value, _ := e.Lookup(name)
	return value
}

// Color tells whether standard error may be coloured.
func (e *Env) Color() bool {
	return e.Err.Terminal && e.Getenv("NO_COLOR") == "" && e.Getenv("TERM") != "dumb"
}

// Say tells the user something that is neither result nor error, unless -q is given.
func (e *Env) Say(format string, args ...any) {
	if !e.Global.Quiet {
		e.tell(format, args...)
	}
}

// Warn tells the user that something is not done as asked for, or not kept, and
// what to do where hint is not "". Unlike what Say says, it shows with -q too.
func (e *Env) Warn(hint, format string, args ...any) {
	e.tell("warning: "+format, args...)
	if hint != "" {
		e.tell("hint: %s", hint)
	}
}

func (e *Env) tell(format string, args ...any) {
	lines := table.Wrap(table.Clean(fmt.Sprintf(format, args...)), e.Err.Columns(), "  ")
	fmt.Fprintf(e.Err, "%s\n", strings.Join(lines, "\n"))
}
