package system

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/importserver/transfer"
)

const migrateHelp = `Move an installation to another database, another blob store, or both.

The server must be stopped. All rows of all tables and all evidence are copied,
read again where they are now, and compared by number and digest. Nothing is
removed from where it was, but no server starts on rows that were moved. What is
interrupted goes on when it is run again: the rows come last, all at once, so
that a target with rows is complete.

  tidepole system migrate --data DIR --to-store postgres://HOST/DATABASE --to-blobs s3://BUCKET?region=NAME
  tidepole serve --data DIR --store postgres://HOST/DATABASE --blobs s3://BUCKET?region=NAME`

type migrateOptions struct {
	from, to     transfer.Place
	allStopped   bool
	allowDamaged bool
}

func migrate(e *env.Env) *cobra.Command {
	var o migrateOptions
	cmd := &cobra.Command{
		Use: "migrate", Short: "Move the server's data to another database or blob store", Long: migrateHelp, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runMigrate(cmd.Context(), e, o) },
	}
	registerPlace(cmd, &o.from)
	fs := cmd.Flags()
	fs.StringVar(&o.to.Store, "to-store", "", "`URL` of the PostgreSQL database that the rows go to (default: they stay); with a password in it, give it as TIDEPOLE_SYSTEM_MIGRATE_TO_STORE")
	fs.StringVar(&o.to.Blobs, "to-blobs", "", "`URL` of where the evidence goes to (default: it stays)")
	config.Key(fs, "to-store", "system.migrate.to-store")
	config.Key(fs, "to-blobs", "system.migrate.to-blobs")
	fs.BoolVar(&o.allStopped, "all-stopped", false, "all servers and workers are stopped, although some did not say so when they ended")
	config.Key(fs, "all-stopped", "system.migrate.all-stopped")
	allowDamaged(cmd, &o.allowDamaged, "system.migrate.allow-damaged")
	output.Flag(cmd, &e.Global.Format, formats...)
	return cmd
}

func runMigrate(ctx context.Context, e *env.Env, o migrateOptions) error {
	format, err := output.Choose(e.Global.Format, formats...)
	if err != nil {
		return err
	}
	if err := settle(e, &o.from); err != nil {
		return err
	}
	options, err := transferOptions(e, o.allowDamaged)
	if err != nil {
		return err
	}
	options.AllStopped = o.allStopped
	r, err := transfer.Move(ctx, o.from, o.to, options)
	if err != nil {
		return err
	}
	next := []string{
		"start the server with the new --store and --blobs, and never again without",
		fmt.Sprintf("%s stay in %s: serve with this --data, or copy them to where it runs", secretFiles, o.from.Dir),
	}
	return showReport(e.Out, format, r, next)
}
