// Package fault names the few ways to fail that a caller can act on.
//
// An error that is none of them is internal: a boundary (HTTP, command line)
// reports it without its detail, under an id that the log repeats.
package fault

import (
	"errors"
	"fmt"
)

// Kind is a way to fail.
type Kind int

// The kinds, from the least to the most specific about whose turn it is.
const (
	Internal    Kind = iota // a defect or an unforeseen failure
	Invalid                 // the request cannot be right: change it
	Denied                  // who asks is unknown: sign in
	Forbidden               // who asks is known and may not
	NotFound                // what is asked for does not exist
	Conflict                // the state of the thing does not allow it
	TooLarge                // a limit was passed
	Unavailable             // something needed does not answer now: try later
	Unsupported             // the content cannot be handled at all
)

var names = [...]string{"internal", "invalid", "denied", "forbidden", "not_found", "conflict", "too_large", "unavailable", "unsupported"}

// String is the kind's name on the wire, as in "not_found".
func (k Kind) String() string {
	if int(k) < len(names) && k >= 0 {
		return names[k]
	}
	return names[Internal]
}

// ParseKind is the inverse of String; an unknown name is Internal.
func ParseKind(name string) Kind {
	for k, n := range names {
		if n == name {
			return Kind(k)
		}
	}
	return Internal
}

// Fault is an error that a caller can act on.
type Fault struct {
	Kind    Kind
	Message string         // what was attempted, on what, and why it failed; one line
	Hint    string         // what to do next; may be empty
	Detail  map[string]any // for programs: goes into the error body's detail
	Err     error          // the cause, for errors.Is and errors.As; not shown twice
}

// New makes a fault; a %w in format is kept as its cause.
func New(kind Kind, format string, args ...any) *Fault {
	err := fmt.Errorf(format, args...)
	return &Fault{Kind: kind, Message: err.Error(), Err: errors.Unwrap(err)}
}

// WithHint says what to do next.
func (f *Fault) WithHint(format string, args ...any) *Fault {
	f.Hint = fmt.Sprintf(format, args...)
	return f
}

// WithDetail adds a value that programs may read from the error body.
func (f *Fault) WithDetail(key string, value any) *Fault {
	if f.Detail == nil {
		f.Detail = map[string]any{}
	}
	f.Detail[key] = value
	return f
}

// Error is the message alone; the hint is for whoever prints it.
func (f *Fault) Error() string { return f.Message }

// Unwrap is the cause.
func (f *Fault) Unwrap() error { return f.Err }

// Of is the kind of the nearest fault in err's chain; Internal when there is none.
func Of(err error) Kind {
	var f *Fault
	if errors.As(err, &f) {
		return f.Kind
	}
	return Internal
}

// Hint is the first hint found in err's chain.
func Hint(err error) string {
	for err != nil {
		var f *Fault
		if !errors.As(err, &f) {
			return ""
		}
		if f.Hint != "" {
			return f.Hint
		}
		err = f.Err
	}
	return ""
}
