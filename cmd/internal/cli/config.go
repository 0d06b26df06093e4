package cli

import (
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/table"
)

// masked stands for a secret's value.
const masked = "********"

func configCommand(e *env.Env, settings *pflag.FlagSet) *cobra.Command {
	cmd := &cobra.Command{
		Use: "config", Short: "Show every setting, its value and its origin", Args: cobra.NoArgs,
		Long: "Show every setting with its effective value and where that comes from: a flag,\n" +
			"the environment, the configuration file, or the default. Secrets are masked.",
		RunE: func(cmd *cobra.Command, _ []string) error { return showConfig(e, cmd, settings) },
	}
	output.Flag(cmd, &e.Global.Format, output.Text, output.JSON)
	return cmd
}

// setting is one row of the result.
type setting struct {
	Key    string   `json:"key"`
	Value  string   `json:"value"`
	Origin string   `json:"origin"`
	Env    []string `json:"environment"`
	Flag   string   `json:"flag,omitempty"`
}

func showConfig(e *env.Env, cmd *cobra.Command, settings *pflag.FlagSet) error {
	format, err := output.Choose(e.Global.Format, output.Text, output.JSON)
	if err != nil {
		return err
	}
	var rows []setting
	for _, f := range flags(cmd, settings) {
		v, err := e.Config.Resolve(f)
		if err != nil {
			return err
		}
		if v.Secret && v.Value != "" {
			v.Value = masked
		}
		v.Value = withoutSecrets(v.Value)
		rows = append(rows, setting{v.Key, v.Value, v.Origin, v.Env, v.Flag})
	}
	for _, s := range e.TableValues() {
		rows = append(rows, setting{Key: s.Key, Value: s.Value, Origin: s.Origin, Env: s.Env})
	}
	slices.SortFunc(rows, func(a, b setting) int { return strings.Compare(a.Key, b.Key) })
	if format == output.JSON {
		return output.WriteJSON(e.Out, format, struct {
			File     string    `json:"file"`
			Settings []setting `json:"settings"`
		}{e.Config.Path, rows})
	}
	t := table.New(table.Column{Name: "Key"}, table.Column{Name: "Value", Shrink: true}, table.Column{Name: "Origin", Shrink: true})
	for _, r := range rows {
		t.Row(r.Key, r.Value, r.Origin)
	}
	return t.Write(e.Out, e.Out.Columns())
}

// withoutSecrets masks what may be secret in a URL: its password and its query.
func withoutSecrets(value string) string {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.User == nil && u.RawQuery == "" {
		return value
	}
	shown := u.Scheme + "://"
	if u.User != nil {
		shown += masked + "@"
	}
	if shown += u.Host + u.EscapedPath(); u.RawQuery != "" {
		shown += "?" + masked
	}
	return shown
}

// flags are all flags with a key in the whole tree, once each. Those of cmd come
// first: the command line has set them.
func flags(cmd *cobra.Command, settings *pflag.FlagSet) []*pflag.Flag {
	var all []*pflag.Flag
	seen := map[string]bool{}
	add := func(f *pflag.Flag) {
		if s, ok := config.Describe(f); ok && !seen[s.Key] {
			seen[s.Key] = true
			all = append(all, f)
		}
	}
	if cmd.HasParent() {
		cmd.Flags().VisitAll(add)
	}
	walk(cmd.Root(), func(c *cobra.Command) {
		c.PersistentFlags().VisitAll(add)
		c.Flags().VisitAll(add)
	})
	settings.VisitAll(add)
	return all
}

// keys are all keys that a configuration file may have.
func keys(root *cobra.Command, settings *pflag.FlagSet) []string {
	keys := env.TableKeys()
	for _, f := range flags(root, settings) {
		s, _ := config.Describe(f)
		keys = append(keys, s.Key)
	}
	return keys
}

func walk(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, c := range cmd.Commands() {
		walk(c, visit)
	}
}

// unknown is the error for a verb that a noun does not have.
func unknown(cmd *cobra.Command, name string) error {
	f := fault.New(fault.Invalid, "unknown command %q for %q", name, cmd.CommandPath())
	var near []string
	for _, s := range cmd.SuggestionsFor(name) {
		near = append(near, cmd.CommandPath()+" "+s)
	}
	if len(near) > 0 {
		return f.WithHint("did you mean %s?", strings.Join(near, " or "))
	}
	return f.WithHint("see %s --help", cmd.CommandPath())
}
