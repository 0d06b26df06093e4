package output

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
)

// Key is the key of the output format in the configuration.
const Key = "format"

// Flag gives a command -o with the formats it has; the first is the default.
func Flag(cmd *cobra.Command, format *string, has ...string) {
	FlagWithKey(cmd, format, Key, has...)
}

// FlagWithKey is Flag for a command whose formats are its own.
func FlagWithKey(cmd *cobra.Command, format *string, key string, has ...string) {
	cmd.Flags().StringVarP(format, "output", "o", "", "output format: "+strings.Join(has, ", "))
	config.Key(cmd.Flags(), "output", key)
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(has, cobra.ShellCompDirectiveNoFileComp))
}
