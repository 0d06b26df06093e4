package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/formats/fault"
)

// wrongCount says what arguments a command takes that was given too few or too
// many.
func wrongCount(cmd *cobra.Command, values []string) error {
	takes := arguments(cmd)
	var f *fault.Fault
	switch {
	case len(takes) == 0:
		f = fault.New(fault.Invalid, "%s takes no arguments, got %s", cmd.CommandPath(), quoted(values))
	case len(values) == 0:
		f = fault.New(fault.Invalid, "%s: no %s is named", cmd.CommandPath(), takes[0])
	case strings.HasPrefix(takes[0], "["):
		f = fault.New(fault.Invalid, "%s takes one %s at most, got %s", cmd.CommandPath(), strings.Trim(takes[0], "[]"), quoted(values))
	default:
		f = fault.New(fault.Invalid, "%s takes one %s, got %s", cmd.CommandPath(), takes[0], quoted(values))
	}
	if len(takes) == 0 && len(values) == 1 && strings.Contains(cmd.Use, "-i FILE") {
		return f.WithHint("%s -i %s", cmd.CommandPath(), values[0])
	}
	return f.WithHint("usage: %s", cmd.UseLine())
}

// arguments are those that a command's usage line names before any flag.
func arguments(cmd *cobra.Command) []string {
	words := strings.Fields(cmd.Use)[1:]
	for i, w := range words {
		if strings.HasPrefix(w, "-") {
			return words[:i]
		}
	}
	return words
}

func quoted(values []string) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = fmt.Sprintf("%q", v)
	}
	return strings.Join(parts, ", ")
}

// badFlag says what a flag's value must be.
func badFlag(err error) error {
	var bad *pflag.InvalidValueError
	if !errors.As(err, &bad) {
		return err
	}
	if must := config.Wanted(bad.GetFlag()); must != "" {
		return fault.New(fault.Invalid, "%q cannot be --%s, which is %s", bad.GetValue(), bad.GetFlag().Name, must)
	}
	return err
}

// helpCommand is "help", for which an unknown command is an error.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Help about a command or a topic", Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil {
				return err
			}
			if about.HasSubCommands() && len(rest) > 0 {
				return usageError{unknown(about, rest[0])}
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}
