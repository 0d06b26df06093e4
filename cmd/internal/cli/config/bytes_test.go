package config_test

import (
	"testing"

	"github.com/spf13/pflag"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
)

func TestBytes(t *testing.T) {
	for text, want := range map[string]struct {
		bytes int64
		shown string
	}{
		"0": {0, "0"}, "1": {1, "1"}, "1000": {1000, "1000"}, "10GiB": {10 << 30, "10GiB"}, "10 gib": {10 << 30, "10GiB"},
		"1.5G": {3 << 29, "1536MiB"}, "500MB": {5e8, "500000000"}, "2k": {2048, "2KiB"}, "64B": {64, "64"}, "1TiB": {1 << 40, "1TiB"},
		"0GB": {0, "0"},
	} {
		var n int64
		fs := pflag.NewFlagSet("", pflag.ContinueOnError)
		config.Bytes(fs, &n, "size", 7, "")
		if err := fs.Set("size", text); err != nil || n != want.bytes || fs.Lookup("size").Value.String() != want.shown {
			t.Errorf("%q is %d, shown %s: %v; want %d, %s", text, n, fs.Lookup("size").Value, err, want.bytes, want.shown)
		}
	}
	for _, text := range []string{"", "GiB", "-1", "1XB", "ten", "1.5", "1.5B", "NaN", "Inf", "9000000TiB", "1e400"} {
		var n int64
		fs := pflag.NewFlagSet("", pflag.ContinueOnError)
		config.Bytes(fs, &n, "size", 7, "")
		if err := fs.Set("size", text); err == nil || n != 7 {
			t.Errorf("%q is %d", text, n)
		}
	}
}
