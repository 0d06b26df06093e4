package cli

import (
	"log/slog"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tidepole/tidepole/cmd/internal/cli/cache"
	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/engine"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/exit"
	"github.com/tidepole/tidepole/cmd/internal/cli/images"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/cmd/internal/cli/policies"
	"github.com/tidepole/tidepole/cmd/internal/cli/queue"
	"github.com/tidepole/tidepole/cmd/internal/cli/remote"
	"github.com/tidepole/tidepole/cmd/internal/cli/serve"
	"github.com/tidepole/tidepole/cmd/internal/cli/system"
	"github.com/tidepole/tidepole/cmd/internal/cli/tracing"
	"github.com/tidepole/tidepole/cmd/internal/cli/vulndb"
	"github.com/tidepole/tidepole/cmd/internal/cli/worker"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/logs"
)

const about = `tidepole analyses container images, keeps what it found on a server, matches it
against a vulnerability database and judges it by a policy.

A first session, in two terminals:

  tidepole serve
  tidepole image add alpine:3.22 --from registry --wait && tidepole image check alpine:3.22

Settings come from flags, from the environment (TIDEPOLE_…), and from a file;
"tidepole config" shows each with its origin.`

// Tree is the whole command tree, and the settings that no command line takes.
func Tree(e *env.Env) (*cobra.Command, *pflag.FlagSet) {
	root := &cobra.Command{
		Use: "tidepole", Short: "Analyse container images, and judge them", Long: about,
		SilenceErrors: true, SilenceUsage: true, Version: e.Version.Number,
	}
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.SetHelpCommand(helpCommand())
	root.SetIn(e.In)
	root.SetOut(e.Out)
	root.SetErr(e.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{badFlag(err)} })
	global(root.PersistentFlags(), e)
	settings := hidden(e)
	e.Ready = func(cmd *cobra.Command) error { return load(e, cmd, settings) }
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		return prepare(e, cmd, settings)
	}
	root.AddCommand(
		serve.Command(e), worker.Command(e), images.Command(e), queue.Command(e), policies.Command(e), system.Command(e), vulndb.Command(e), cache.Command(e),
		images.Import(e), engine.Process(e), configCommand(e, settings), versionCommand(e), exitCodes(),
	)
	wrapUsage(root)
	return root, settings
}

// global are the flags of all commands.
func global(fs *pflag.FlagSet, e *env.Env) {
	g := &e.Global
	fs.StringVarP(&g.ConfigFile, "config", "c", "", "configuration `FILE`")
	fs.StringVar(&g.URL, "url", remote.DefaultURL, "address of the server")
	fs.StringVar(&g.Username, "username", "admin", "user to sign in as")
	fs.StringVar(&g.PasswordFile, "password-file", "", "`FILE` whose first line is the password")
	fs.StringVar(&g.Account, "account", "", "account to act for, for administrators")
	fs.StringArrayVar(&g.CAFiles, "ca-file", nil, "PEM `FILE` of certificates to trust besides the system's, for the server and the vulnerability database (repeatable)")
	config.Duration(fs, &g.Timeout, "request-timeout", 0, "how long the server may be silent (default 1m)")
	fs.StringVarP(&g.Format, "output", "o", "", "output format; each command says which it has")
	fs.BoolVarP(&g.Quiet, "quiet", "q", false, "show no progress and no notes: only warnings, errors and the result")
	fs.CountVarP(&g.Verbose, "verbose", "v", "log more to standard error (-vv: everything)")
	fs.StringVar(&g.LogFormat, "log-format", "text", "how the log is written: "+strings.Join(logs.Formats, " or "))
	fs.StringVar(&g.LogLevel, "log-level", "", "`LEVEL` from which on the log is written: debug, info, warn or error (default: warn, and info for a server; -v means one more)")
	fs.StringVar(&g.TempDir, "temp-dir", "", "`DIR` below which temporary files go (default: the system's)")
	for flag, key := range map[string]string{
		"url": "url", "username": "username", "password-file": "password-file", "account": "account",
		"ca-file": "ca-file", "request-timeout": "request-timeout", "output": "format",
		"quiet": "quiet", "verbose": "verbose", "log-format": "log.format", "log-level": "log.level", "temp-dir": "temp-dir",
	} {
		config.Key(fs, flag, key)
	}
}

// hidden are the settings that no command line takes.
func hidden(e *env.Env) *pflag.FlagSet {
	fs := pflag.NewFlagSet("settings", pflag.ContinueOnError)
	fs.StringVar(&e.Global.Password, "password", "", "password to sign in with")
	config.Key(fs, "password", "password")
	config.Secret(fs, "password")
	fs.StringVar(&e.AdminPassword, "admin-password", "", "password of the user admin, for serve")
	config.Key(fs, "admin-password", "admin-password")
	config.Secret(fs, "admin-password")
	e.Analysis.Register(fs)
	config.NoFlag(fs)
	return fs
}

// prepare reads the configuration and sets up the log, before any command runs.
func prepare(e *env.Env, cmd *cobra.Command, settings *pflag.FlagSet) error {
	if onlyHelps(cmd) {
		return nil
	}
	if err := load(e, cmd, settings); err != nil {
		return err
	}
	if err := ownOutput(cmd); err != nil {
		return err
	}
	output.Settle(cmd, &e.Global.Format)
	warnUnknown(e, cmd.Root(), settings)
	if err := openLog(e, cmd); err != nil {
		return err
	}
	if err := tracing.Begin(e, cmd); err != nil {
		return err
	}
	if e.Config.Path != "" {
		e.Log.Debug("configuration", "file", e.Config.Path)
	}
	return nil
}

// load reads the configuration and fills the flags and settings.
func load(e *env.Env, cmd *cobra.Command, settings *pflag.FlagSet) error {
	var err error
	if e.Config, err = config.Load(e.Lookup, e.Global.ConfigFile); err != nil {
		return err
	}
	if err := e.Config.Check(keys(cmd.Root(), settings)); err != nil {
		return err
	}
	if err := e.Config.Fill(cmd.Flags()); err != nil {
		return err
	}
	return e.Config.Fill(settings)
}

// ownOutput refuses -o for a command that has no result to format.
func ownOutput(cmd *cobra.Command) error {
	f := cmd.Flags().Lookup("output")
	if f == nil || !f.Changed || cmd.HasSubCommands() || f != cmd.InheritedFlags().Lookup("output") {
		return nil
	}
	return fault.New(fault.Invalid, "%s has no output formats: -o does not go with it", cmd.CommandPath()).WithHint("see %s --help", cmd.CommandPath())
}

// warnUnknown tells of variables that look like settings and are none.
func warnUnknown(e *env.Env, root *cobra.Command, settings *pflag.FlagSet) {
	if e.Environ == nil {
		return
	}
	known := []string{config.Prefix + "CONFIG"}
	for _, f := range flags(root, settings) {
		s, _ := config.Describe(f)
		known = append(known, s.Env...)
	}
	for _, u := range config.UnknownEnv(e.Environ(), known) {
		if u.Near != "" {
			e.Warn("", "no setting is called %s; did you mean %s?", u.Name, u.Near)
			continue
		}
		e.Warn("", "no setting is called %s; tidepole config -o json shows them all", u.Name)
	}
}

// onlyHelps tells the commands that help with the others: a broken file must not
// stop them.
func onlyHelps(cmd *cobra.Command) bool {
	for ; cmd.HasParent(); cmd = cmd.Parent() {
		switch cmd.Name() {
		case "help", "completion", "version", cobra.ShellCompRequestCmd:
			return true
		}
	}
	return false
}

// openLog sets up the log as the settings have it.
func openLog(e *env.Env, cmd *cobra.Command) error {
	if !slices.Contains(logs.Formats, e.Global.LogFormat) {
		return fault.New(fault.Invalid, "--log-format %q: have %s", e.Global.LogFormat, strings.Join(logs.Formats, ", "))
	}
	from := level(e, cmd)
	if l := e.Global.LogLevel; l != "" {
		if !slices.Contains([]string{"debug", "info", "warn", "error"}, l) {
			return fault.New(fault.Invalid, "--log-level %q: have debug, info, warn, error", l)
		}
		if err := from.UnmarshalText([]byte(l)); err != nil {
			return err
		}
	}
	e.Log = logs.New(e.Err, e.Global.LogFormat, from)
	return nil
}

// level is what the log shows where nobody says: a server's more than a client's.
func level(e *env.Env, cmd *cobra.Command) slog.Level {
	level := slog.LevelWarn
	if cmd.Name() == "serve" || cmd.Name() == "worker" {
		level = slog.LevelInfo
	}
	if e.Global.Quiet {
		level = slog.LevelWarn
	}
	return level - slog.Level(4*e.Global.Verbose)
}

// wrapUsage makes wrong arguments and unknown commands usage errors, and gives
// nouns without a verb their help.
func wrapUsage(cmd *cobra.Command) {
	if args := cmd.Args; args != nil {
		cmd.Args = func(cmd *cobra.Command, values []string) error {
			if err := args(cmd, values); err != nil {
				return wrongCount(cmd, values)
			}
			return nil
		}
	}
	for _, c := range cmd.Commands() {
		wrapUsage(c)
	}
	if cmd.HasSubCommands() {
		cmd.SuggestionsMinimumDistance = 2
		cmd.Args = func(cmd *cobra.Command, values []string) error {
			if len(values) == 0 {
				return nil
			}
			return usageError{unknown(cmd, values[0])}
		}
		if cmd.RunE == nil {
			cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		}
	}
}

// exitCodes is a help topic, as it has nothing to run.
func exitCodes() *cobra.Command {
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: strings.TrimSpace(exit.Help())}
}
