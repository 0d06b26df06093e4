package engine

import (
	"github.com/spf13/pflag"

	"github.com/tidepole/tidepole/formats/fault"
)

// OnlyLocal refuses the flags of a command line that mean nothing where the
// server does the work. What the environment or a file says is for other
// commands too, and is left alone.
func OnlyLocal(fs *pflag.FlagSet, local bool, flags ...string) error {
	if local {
		return nil
	}
	for _, name := range flags {
		if fs.Changed(name) {
			return fault.New(fault.Invalid, "--%s goes with --local: without it the server does the work", name).
				WithHint("add --local, or leave --%s out", name)
		}
	}
	return nil
}
