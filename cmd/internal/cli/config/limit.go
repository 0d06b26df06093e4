package config

import (
	"fmt"
	"strconv"

	"github.com/spf13/pflag"
)

// Limit adds a flag for how many of something there may be: 1 or more, as a
// limit of 0 would let nothing pass, and is no way to have none.
func Limit(fs *pflag.FlagSet, p *int, name string, value int, usage string) {
	*p = value
	fs.Var((*limit)(p), name, usage)
}

// BytesLimit is Limit for a size in bytes.
func BytesLimit(fs *pflag.FlagSet, p *int64, name string, value int64, usage string) {
	*p = value
	fs.Var((*sizeLimit)(p), name, usage)
}

type limit int

// Set reads it.
func (l *limit) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return fmt.Errorf("%q is not a whole number, 1 or more", s)
	}
	*l = limit(n)
	return nil
}

// String writes it.
func (l *limit) String() string { return strconv.Itoa(int(*l)) }

// Type names it in help texts.
func (l *limit) Type() string { return "number" }

type sizeLimit int64

// Set reads it.
func (l *sizeLimit) Set(s string) error {
	var z size
	if err := z.Set(s); err != nil {
		return err
	}
	if z < 1 {
		return fmt.Errorf("%q is less than one byte", s)
	}
	*l = sizeLimit(z)
	return nil
}

// String writes it as other sizes are written.
func (l *sizeLimit) String() string { return (*size)(l).String() }

// Type names it in help texts.
func (l *sizeLimit) Type() string { return "bytes" }
