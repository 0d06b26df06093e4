package system

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver/transfer"
)

const restoreHelp = `Make an installation of a backup, in places that nothing is in.

Whatever the backup was made of, it may go to a data folder, to a PostgreSQL
database and an S3-compatible store, or to one of each. All of it is checked
before the rows are written, all at once: a restore that was interrupted can be
run again, and what a restore has ended can be served. FILE may be -.

What is made is an installation of its own, with a name of its own: that of which
the backup was made may go on, and has other evidence. Where it is gone for good,
and its evidence is still there, --take-over with its name lets the new one use
that, at --blobs: only what lacks is brought.`

func restore(e *env.Env) *cobra.Command {
	var to transfer.Place
	var takeOver string
	cmd := &cobra.Command{
		Use: "restore FILE", Short: "Make the server's data of a backup", Long: restoreHelp, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runRestore(cmd.Context(), e, to, takeOver, args[0])
		},
	}
	registerPlace(cmd, &to)
	cmd.Flags().StringVar(&takeOver, "take-over", "", "take the evidence that is at --blobs over from this `INSTALLATION`, which is gone for good")
	config.Key(cmd.Flags(), "take-over", "system.restore.take-over")
	output.Flag(cmd, &e.Global.Format, formats...)
	return cmd
}

func runRestore(ctx context.Context, e *env.Env, to transfer.Place, takeOver, path string) error {
	format, err := output.Choose(e.Global.Format, formats...)
	if err != nil {
		return err
	}
	if err := settle(e, &to); err != nil {
		return err
	}
	options, err := transferOptions(e, false)
	if err != nil {
		return err
	}
	options.TakeOver = takeOver
	from := e.Stdin(ctx)
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return fault.New(fault.Invalid, "open the backup: %w", err)
		}
		defer f.Close()
		from = f
	}
	r, err := transfer.Restore(ctx, io.Reader(from), to, options)
	if err != nil {
		return err
	}
	return showReport(e.Out, format, r, []string{
		fmt.Sprintf("tidepole serve --data %s, with the same --store and --blobs", to.Dir),
		"tidepole vulndb update, if the server does not do so by itself",
	})
}
