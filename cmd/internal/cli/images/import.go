package images

import (
	"context"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/cmd/internal/cli/progress"
	"github.com/tidepole/tidepole/cmd/internal/cli/remote"
	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

// defaultTimeout is how long --wait waits.
const defaultTimeout = 30 * time.Minute

// waitOptions say whether and how long to wait for an image.
type waitOptions struct {
	wait    bool
	timeout time.Duration
}

type importOptions struct {
	force       bool
	noSubscribe bool
	wait        waitOptions
}

// Import is the command that brings an evidence file to the server.
func Import(e *env.Env) *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use: "import FILE", Short: "Bring evidence to the server that image analyze wrote", Args: cobra.ExactArgs(1),
		Long: "Bring the evidence of an image to the server, from a file that\n\"tidepole image analyze\" wrote, or from standard input (-).",
		RunE: func(cmd *cobra.Command, args []string) error { return runImport(cmd.Context(), e, o, args[0]) },
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.force, "force", "f", false, "replace the evidence of an image that is known already")
	fs.BoolVarP(&o.noSubscribe, "no-auto-subscribe", "n", false, "do not watch the tag for new images")
	config.Key(fs, "force", "import.force")
	config.Key(fs, "no-auto-subscribe", "image.no-auto-subscribe")
	o.wait.register(fs)
	output.Flag(cmd, &e.Global.Format, formats...)
	return cmd
}

func runImport(ctx context.Context, e *env.Env, o importOptions, path string) error {
	format, err := output.Choose(e.Global.Format, formats...)
	if err != nil {
		return err
	}
	b, err := readBundle(ctx, e, path)
	if err != nil {
		return err
	}
	defer b.Close()
	display := progress.New(e)
	defer display.Close()
	c, err := remote.Connect(e, display)
	if err != nil {
		return err
	}
	receipt, err := c.Import(ctx, b, wire.AddOptions{Force: o.force, NoSubscribe: o.noSubscribe})
	if err != nil {
		return err
	}
	return finish(ctx, e, c, display, format, receipt, o.wait)
}

func readBundle(ctx context.Context, e *env.Env, path string) (*bundle.Bundle, error) {
	in := e.Stdin(ctx)
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, fault.New(fault.Invalid, "read evidence: %w", err)
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return nil, fault.New(fault.Invalid, "read evidence: %s is a folder", path).
				WithHint("name the file in it that tidepole image analyze IMAGE -o FILE wrote")
		}
		in = env.Ending(ctx, f, path)
	}
	temp, err := e.TempDir()
	if err != nil {
		return nil, err
	}
	b, err := bundle.ReadFile(in, temp, bundle.Limits{})
	if err != nil {
		return nil, fault.New(fault.Of(err), "read evidence %s: %w", path, err).
			WithHint("the file is one that tidepole image analyze IMAGE -o FILE wrote")
	}
	return b, nil
}
