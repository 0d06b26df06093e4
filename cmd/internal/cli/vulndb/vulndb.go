// Package vulndb has the commands on the vulnerability database: the server's,
// or this user's own with --local.
package vulndb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/engine"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/cmd/internal/cli/remote"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/report"
)

// defaultTimeout is how long an update may take.
const defaultTimeout = 30 * time.Minute

var formats = []string{output.Text, output.JSON, output.JSONRaw}

// Command is "vulndb" with its verbs.
func Command(e *env.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "vulndb", Short: "Show, import and update the vulnerability database",
		Long: "Show, import and update the vulnerability database: the server's or, with --local,\nthis user's own, which \"tidepole image check --local\" uses.",
	}
	cmd.AddCommand(status(e), imports(e), update(e))
	return cmd
}

// database is the server's or, where the user asks for it, the local one.
type database interface {
	Database(context.Context) (report.Database, error)
	ImportDatabase(ctx context.Context, r io.Reader, name, checksum string) (report.Database, error)
	UpdateDatabase(context.Context) (report.Database, error)
}

type options struct {
	local bool
	files engine.Local
	flags *pflag.FlagSet
}

func (o *options) register(e *env.Env, cmd *cobra.Command) {
	cmd.Flags().BoolVar(&o.local, "local", false, "this user's own database instead of the server's")
	config.Key(cmd.Flags(), "local", "vulndb.local")
	o.files.RegisterDir(cmd.Flags())
	o.flags = cmd.Flags()
	output.Flag(cmd, &e.Global.Format, formats...)
}

// on does something with the database and shows what it is then.
func (o *options) on(e *env.Env, do func(database) (report.Database, error)) error {
	format, err := output.Choose(e.Global.Format, formats...)
	if err != nil {
		return err
	}
	if err := engine.OnlyLocal(o.flags, o.local, "db", "vulndb-url"); err != nil {
		return err
	}
	var db database
	if o.local {
		near, err := o.files.Open(e)
		if err != nil {
			return err
		}
		defer near.Close()
		db = engine.Near{DB: near}
	} else if db, err = remote.Connect(e, nil); err != nil {
		return err
	}
	now, err := do(db)
	if err != nil {
		return err
	}
	return show(e, format, now)
}

func show(e *env.Env, format string, db report.Database) error {
	if format != output.Text {
		return output.WriteJSON(e.Out, format, db)
	}
	l := output.NewLines(e.Out)
	if !db.Present {
		l.Add("Database", "no vulnerability database")
		if db.Error != "" {
			l.Add("Reason", "%s", db.Error)
		}
		return l.Err()
	}
	l.Add("Database", "present")
	l.Add("Schema", "%s", db.SchemaVersion)
	l.Add("Built", "%s (%s old)", output.Time(db.Built), output.Span(e.Now().Sub(db.Built)))
	l.Add("Digest", "%s", db.Digest)
	l.Add("Source", "%s", db.Source)
	l.Add("Imported", "%s", output.Time(db.Imported))
	if db.Records > 0 {
		l.Add("Records", "%d", db.Records)
	}
	if db.Error != "" {
		l.Add("Error", "%s", db.Error)
	}
	return l.Err()
}

func status(e *env.Env) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use: "status", Short: "Show which database there is, and how old it is", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return o.on(e, func(db database) (report.Database, error) { return db.Database(cmd.Context()) })
		},
	}
	o.register(e, cmd)
	return cmd
}

func update(e *env.Env) *cobra.Command {
	var o options
	var timeout = defaultTimeout
	cmd := &cobra.Command{
		Use: "update", Short: "Download the newest database", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			err := o.on(e, func(db database) (report.Database, error) { return db.UpdateDatabase(ctx) })
			if errors.Is(ctx.Err(), context.DeadlineExceeded) && err != nil {
				return fault.New(fault.Unavailable, "update the vulnerability database: not done after %s: %w", timeout, err).
					WithHint("--timeout gives it more time; tidepole vulndb import FILE brings one in without a network")
			}
			return err
		},
	}
	o.register(e, cmd)
	o.files.RegisterURL(cmd.Flags())
	config.Duration(cmd.Flags(), &timeout, "timeout", timeout, "how long the update may take in all")
	config.Key(cmd.Flags(), "timeout", "vulndb.update.timeout")
	return cmd
}

func imports(e *env.Env) *cobra.Command {
	var o options
	var checksum string
	cmd := &cobra.Command{
		Use: "import FILE", Short: "Bring a database in from a file", Args: cobra.ExactArgs(1),
		Long: "Bring a database in from a file, or from standard input (-): an archive\n(.tar.zst, .tar.gz, .tar.xz, .tar) or the database itself.",
		Example: `  tidepole vulndb import vulnerability-db_v6.1.10.tar.zst
  tidepole vulndb import --local vulnerability-db_v6.1.10.tar.zst   # for image check --local`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.on(e, func(db database) (report.Database, error) {
				return importFile(cmd.Context(), e, db, args[0], checksum)
			})
		},
	}
	o.register(e, cmd)
	cmd.Flags().StringVar(&checksum, "checksum", "", "`sha256:HEX` that the file must have")
	config.Key(cmd.Flags(), "checksum", "vulndb.import.checksum")
	return cmd
}

func importFile(ctx context.Context, e *env.Env, db database, path, checksum string) (report.Database, error) {
	if path == "-" {
		return db.ImportDatabase(ctx, e.Stdin(ctx), "standard input", checksum)
	}
	f, err := os.Open(path)
	if err != nil {
		return report.Database{}, fault.New(fault.Invalid, "import a vulnerability database: %w", err)
	}
	defer f.Close()
	now, err := db.ImportDatabase(ctx, f, filepath.Base(path), checksum)
	if err != nil {
		return now, fmt.Errorf("import %s: %w", path, err)
	}
	return now, nil
}
