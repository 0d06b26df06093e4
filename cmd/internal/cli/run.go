// Package cli is the command line: the root command, and what every command
// shares. Each noun has a package below it, each verb a file in that.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/exit"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/table"
)

// Signal is why a context ended, where a signal ended it.
type Signal struct{ os.Signal }

// Error is what the user reads.
func (s Signal) Error() string {
	switch s.Signal {
	case syscall.SIGTERM:
		return "terminated"
	case syscall.SIGHUP:
		return "the terminal was closed"
	}
	return "interrupted"
}

// Code is the exit code of a process that the signal ended.
func (s Signal) Code() int {
	switch s.Signal {
	case syscall.SIGTERM:
		return exit.Terminated
	case syscall.SIGHUP:
		return exit.HungUp
	}
	return exit.Interrupted
}

// Run runs one command line and gives the process's exit code. All that the
// command left in temporary files is gone when it returns.
func Run(ctx context.Context, e *env.Env) int {
	root, _ := Tree(e)
	root.SetArgs(e.Args)
	cmd, err := root.ExecuteContextC(ctx)
	if e.EndTrace != nil {
		e.EndTrace(err)
	}
	if tempErr := e.RemoveTemp(); tempErr != nil && err == nil {
		err = tempErr
	}
	var signal Signal
	if err != nil && errors.As(context.Cause(ctx), &signal) {
		fmt.Fprintf(e.Err, "%s%s\n", label(e, "error: "), signal)
		return signal.Code()
	}
	if err != nil && !exit.Quiet(err) && !errors.Is(err, syscall.EPIPE) {
		show(e, err, cmd.CommandPath())
	}
	return exit.Code(err)
}

// show prints an error and what to do next.
func show(e *env.Env, err error, command string) {
	fmt.Fprintf(e.Err, "%s%s\n", label(e, "error: "), lines(err.Error()))
	hint := fault.Hint(cause(err))
	var usage usageError
	if hint == "" && errors.As(err, &usage) {
		hint = "see " + command + " --help"
	}
	if hint != "" {
		fmt.Fprintf(e.Err, "%s%s\n", label(e, "hint: "), lines(hint))
	}
}

// cause is what an exit code was given to.
func cause(err error) error {
	var e *exit.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// lines is text that may come from a stranger, its line ends kept.
func lines(s string) string {
	parts := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i, p := range parts {
		parts[i] = table.Clean(p)
	}
	return strings.Join(parts, "\n  ")
}

func label(e *env.Env, text string) string {
	if !e.Color() {
		return text
	}
	return "\x1b[1;31m" + strings.TrimSpace(text) + "\x1b[0m "
}

// usageError is a command line that cannot be right.
type usageError struct{ error }

func (u usageError) Unwrap() error { return u.error }
