package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// Bytes adds a flag for a size in bytes that is not negative.
func Bytes(fs *pflag.FlagSet, p *int64, name string, value int64, usage string) {
	*p = value
	fs.Var((*size)(p), name, usage)
}

// units are what a size may end with, the longer before what it ends with.
var units = []struct {
	name  string
	bytes int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"k", 1 << 10}, {"M", 1 << 20}, {"G", 1 << 30}, {"T", 1 << 40}, {"B", 1},
}

type size int64

// Set reads it.
func (z *size) Set(s string) error {
	number, factor := strings.TrimSpace(s), int64(1)
	for _, u := range units {
		if n := len(number) - len(u.name); n > 0 && strings.EqualFold(number[n:], u.name) {
			number, factor = strings.TrimSpace(number[:n]), u.bytes
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !(n >= 0 && n*float64(factor) < math.MaxInt64) || factor == 1 && n != math.Trunc(n) {
		return fmt.Errorf("%q is not a size like 10GiB", s)
	}
	*z = size(n * float64(factor))
	return nil
}

// String writes it, in the largest binary unit of which it is a whole number.
func (z *size) String() string {
	n := int64(*z)
	for _, u := range []int{3, 2, 1, 0} {
		if b := units[u].bytes; n >= b && n%b == 0 {
			return strconv.FormatInt(n/b, 10) + units[u].name
		}
	}
	return strconv.FormatInt(n, 10)
}

// Type names it in help texts.
func (z *size) Type() string { return "size" }
