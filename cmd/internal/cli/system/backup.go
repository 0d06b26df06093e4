package system

import (
	"context"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/importserver"
	"github.com/tidepole/tidepole/importserver/transfer"
)

const backupHelp = `Back an installation up into one file, while its servers and workers run.

It has all rows as they are at one moment, all evidence that they refer to, the
key of the registries' passwords and the password that the server made for the
user admin: keep it as you keep secrets. Every part is checked before it is
written, and the file has a digest of each. It does not have the vulnerability
database, unless servers share it, and not the cache of layers.

The command reads the database and the evidence itself, with the same --data,
--store and --blobs as serve; it runs where they can be reached. FILE may be -.`

type backupOptions struct {
	from         transfer.Place
	file         output.File
	allowDamaged bool
}

func backup(e *env.Env) *cobra.Command {
	var o backupOptions
	cmd := &cobra.Command{
		Use: "backup FILE", Short: "Back the server's data up, while it runs", Long: backupHelp, Args: cobra.ExactArgs(1),
		Example: `  tidepole system backup /backup/tidepole.tar --data /var/lib/tidepole
  tidepole system restore /backup/tidepole.tar --data /var/lib/tidepole-new`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.file.Path = args[0]
			return runBackup(cmd.Context(), e, o)
		},
	}
	registerPlace(cmd, &o.from)
	cmd.Flags().BoolVar(&o.file.Overwrite, "overwrite", false, "replace FILE if it is there")
	config.Key(cmd.Flags(), "overwrite", "system.backup.overwrite")
	allowDamaged(cmd, &o.allowDamaged, "system.backup.allow-damaged")
	output.Flag(cmd, &e.Global.Format, formats...)
	return cmd
}

func runBackup(ctx context.Context, e *env.Env, o backupOptions) error {
	format, err := output.Choose(e.Global.Format, formats...)
	if err != nil {
		return err
	}
	if err := o.file.Check(); err != nil {
		return err
	}
	if err := settle(e, &o.from); err != nil {
		return err
	}
	options, err := transferOptions(e, o.allowDamaged)
	if err != nil {
		return err
	}
	var r transfer.Report
	err = o.file.Write(e.Out, func(w io.Writer) error {
		r, err = transfer.Backup(ctx, o.from, transfer.Files, w, options)
		return err
	})
	if err != nil {
		return err
	}
	if !slices.Contains(r.Files, importserver.KeyFile) {
		e.Warn("keep a copy of the file that --key-file names", "the backup has no %s: there is none in %s", importserver.KeyFile, o.from.Dir)
	}
	to := io.Writer(e.Out)
	if o.file.Path == "-" {
		to = e.Err
	}
	return showReport(to, format, r, nil)
}
