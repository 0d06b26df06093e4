// Package exit is the meaning of the process's exit codes.
package exit

import (
	"errors"
	"strings"
)

// The codes.
const (
	Done        = 0   // the command did what was asked; a gate passed
	Failed      = 1   // an error
	Refused     = 2   // the policy said no
	Undecided   = 3   // the policy could not be judged in full
	TimedOut    = 4   // the wait ended, the work goes on
	HungUp      = 129 // SIGHUP
	Interrupted = 130 // SIGINT
	Terminated  = 143 // SIGTERM
)

// Row is one code and what it means.
type Row struct {
	Code    string
	Meaning string
}

// Rows are the codes as the help topic and the documentation list them.
func Rows() []Row {
	return []Row{
		{"0", "done; with --fail-based-on-results: the policy passed"},
		{"1", "an error; standard error says what was attempted, why it failed and what to do next"},
		{"2", "the policy failed (image check --fail-based-on-results); --exit-code N replaces it"},
		{"3", "undecided: evidence is incomplete or was never taken, the vulnerability database is absent or has no records of the distribution, or no rule is about the image (--require-complete); or the database is absent or too old (--max-db-age)"},
		{"4", "the wait timed out; the server goes on working"},
		{"129", "the terminal was closed (SIGHUP); serve ends with 0"},
		{"130", "interrupted (SIGINT, Ctrl-C); serve, which lets its work end first, ends with 0"},
		{"143", "terminated (SIGTERM); serve, as above, ends with 0"},
	}
}

// Help is the text of the help topic.
func Help() string {
	var b strings.Builder
	b.WriteString("tidepole ends with one of these codes:\n\n")
	for _, r := range Rows() {
		b.WriteString("  " + r.Code + strings.Repeat(" ", 6-len(r.Code)) + r.Meaning + "\n")
	}
	b.WriteString("\nA policy's \"no\" is looked at before \"undecided\": an image that fails for\nwhat is known of it fails whatever else is unknown.\n")
	return b.String()
}

// Error ends the process with a code of its own.
type Error struct {
	Code  int
	Err   error // may be nil: the result says it all
	Quiet bool  // Err was shown already, or is the result itself
}

// With gives err that exit code.
func With(code int, err error) error { return &Error{Code: code, Err: err} }

// Silently ends the process with that code and nothing more on standard error.
func Silently(code int) error { return &Error{Code: code, Quiet: true} }

// Error is the text of the error inside.
func (e *Error) Error() string {
	if e.Err == nil {
		return "the command ended without success"
	}
	return e.Err.Error()
}

// Unwrap is the error inside.
func (e *Error) Unwrap() error { return e.Err }

// Code is the code that err ends the process with.
func Code(err error) int {
	var e *Error
	switch {
	case err == nil:
		return Done
	case errors.As(err, &e):
		return e.Code
	}
	return Failed
}

// Quiet tells whether err needs no words on standard error.
func Quiet(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Quiet
}
