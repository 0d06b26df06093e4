package output

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
)

// Key is the key of the output format in the configuration.
const Key = "format"

const formatsNote = "tidepole/formats"

// Settle gives a command its default format where the environment or a file
// asks for one that other commands have and this one has not. What a flag asks
// for is left to Choose.
func Settle(cmd *cobra.Command, format *string) {
	f := cmd.Flags().Lookup("output")
	if f == nil || f.Changed || len(f.Annotations[formatsNote]) == 0 {
		return
	}
	if slices.Contains(all, *format) && !slices.Contains(f.Annotations[formatsNote], *format) {
		*format = ""
	}
}

// Flag gives a command -o with the formats it has; the first is the default.
func Flag(cmd *cobra.Command, format *string, has ...string) {
	FlagWithKey(cmd, format, Key, has...)
}

// FlagWithKey is Flag for a command whose formats are its own.
func FlagWithKey(cmd *cobra.Command, format *string, key string, has ...string) {
	usage := "output format: " + strings.Join(has, ", ")
	if slices.Contains(has, JSONRaw) {
		usage += "; json has keys as imageDigest, json-raw those of the API, image_digest"
	}
	cmd.Flags().StringVarP(format, "output", "o", "", usage)
	config.Key(cmd.Flags(), "output", key)
	cmd.Flags().Lookup("output").Annotations[formatsNote] = has
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(has, cobra.ShellCompDirectiveNoFileComp))
}
