package config

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"
)

// Duration adds a flag for a duration that is not negative.
func Duration(fs *pflag.FlagSet, p *time.Duration, name string, value time.Duration, usage string) {
	*p = value
	fs.Var((*duration)(p), name, usage)
}

type duration time.Duration

// Set reads it.
func (d *duration) Set(s string) error {
	v, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return fmt.Errorf("%q is not a duration like 30m", s)
	case v < 0:
		return fmt.Errorf("%s is negative; a duration is like 30m", s)
	}
	*d = duration(v)
	return nil
}

// String writes it.
func (d *duration) String() string {
	if *d == 0 {
		return "0"
	}
	return time.Duration(*d).String()
}

// Type names it in help texts.
func (d *duration) Type() string { return "duration" }
