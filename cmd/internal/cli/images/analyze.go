package images

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/engine"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/cmd/internal/cli/progress"
	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
)

const analyzeHelp = `Analyse an image here, without any server, and write the evidence to a file
that "tidepole import FILE" brings to a server later, across an air gap too.`

// fromUsage is --from of commands that analyse here in any case.
const fromUsage = "`SOURCE[:REF]` to read the image from; without it all sources are tried in their order"

type analyzeOptions struct {
	target engine.Target
	file   output.File
}

func analyze(e *env.Env) *cobra.Command {
	var o analyzeOptions
	cmd := &cobra.Command{
		Use: "analyze IMAGE -o FILE", Short: "Analyse an image and write the evidence to a file", Long: analyzeHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runAnalyze(cmd.Context(), e, o, args[0]) },
	}
	o.target.Register(cmd.Flags(), fromUsage)
	e.Analysis.RegisterHere(cmd.Flags())
	cmd.Flags().StringVarP(&o.file.Path, "output", "o", "", "`FILE` to write the evidence to; - is standard output")
	cmd.Flags().BoolVar(&o.file.Overwrite, "overwrite", false, "replace FILE if it is there")
	config.Key(cmd.Flags(), "output", "image.analyze.output")
	config.Key(cmd.Flags(), "overwrite", "image.analyze.overwrite")
	return cmd
}

func runAnalyze(ctx context.Context, e *env.Env, o analyzeOptions, name string) error {
	switch {
	case o.file.Path == "":
		return fault.New(fault.Invalid, "analyze %s: no file is named for the evidence", name).
			WithHint("tidepole image analyze %s -o FILE", name)
	case o.file.Path == "-" && e.Out.Terminal:
		return fault.New(fault.Invalid, "evidence is not for a terminal").WithHint("-o FILE, or send standard output elsewhere")
	}
	if err := o.file.Check(); err != nil {
		return err // before the work, too
	}
	display := progress.New(e)
	defer display.Close()
	b, err := o.target.Analyze(ctx, e, name, display)
	if err != nil {
		return err
	}
	defer b.Close()
	write := func(w io.Writer) error { return bundle.WriteFile(contextWriter{ctx, w}, b) }
	if err := o.file.Write(e.Out, write); err != nil || o.file.Path == "-" {
		return err
	}
	display.Close()
	return wrote(e, o.file.Path, b)
}

// wrote is the result: what the file holds.
func wrote(e *env.Env, file string, b *bundle.Bundle) error {
	l := output.NewLines(e.Out)
	for _, tag := range b.Tags {
		l.Add("Tag", "%s", tag)
	}
	l.Add("Digest", "%s", b.Digest)
	l.Add("ID", "%s", b.ImageID)
	l.Add("Source", "%s", b.Source)
	l.Add("Evidence", "%s", b.Evidence())
	l.Add("File", "%s", file)
	return l.Err()
}

// contextWriter ends a long write when its context does.
type contextWriter struct {
	ctx context.Context
	w   io.Writer
}

func (c contextWriter) Write(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, fmt.Errorf("write: %w", err)
	}
	return c.w.Write(p)
}
