package engine

import (
	"github.com/spf13/pflag"

	"github.com/tidepole/tidepole/formats/fault"
)

// OnlyLocal refuses the flags of a command line that mean nothing where the
// server does the work. What the environment or a file says is for other
// commands too, and is left alone.
func OnlyLocal(fs *pflag.FlagSet, local bool, flags ...string) error {
	return OnlyWith(fs, "--local", local, flags...)
}

// OnlyWith is OnlyLocal for a command that works here where another flag is
// given.
func OnlyWith(fs *pflag.FlagSet, flag string, given bool, flags ...string) error {
	if given {
		return nil
	}
	for _, name := range flags {
		if fs.Changed(name) {
			return fault.New(fault.Invalid, "--%s goes with %s: without it the server does the work", name, flag).
				WithHint("add %s, or leave --%s out", flag, name)
		}
	}
	return nil
}
