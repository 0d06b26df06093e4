package cli

import (
	"runtime"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
)

func versionCommand(e *env.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "version", Short: "Say which build this is", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return version(e) },
	}
	output.Flag(cmd, &e.Global.Format, output.Text, output.JSON)
	return cmd
}

func version(e *env.Env) error {
	format, err := output.Choose(e.Global.Format, output.Text, output.JSON)
	if err != nil {
		return err
	}
	v := struct {
		env.Version
		Go       string `json:"goVersion"`
		Platform string `json:"platform"`
	}{e.Version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
	if format == output.JSON {
		return output.WriteJSON(e.Out, format, v)
	}
	l := output.NewLines(e.Out)
	l.Add("Version", "%s", v.Number)
	if v.Commit != "" {
		l.Add("Commit", "%s", v.Commit)
	}
	if v.Date != "" {
		l.Add("Built", "%s", v.Date)
	}
	l.Add("Go", "%s", v.Go)
	l.Add("Platform", "%s", v.Platform)
	return l.Err()
}
