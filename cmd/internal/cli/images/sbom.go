package images

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/cmd/internal/cli/remote"
)

// sbomFormats are those that the server writes.
var sbomFormats = []string{"syft-json", "cyclonedx-json", "cyclonedx-xml", "spdx-json", "spdx-tag-value", "table", "text"}

type sbomOptions struct {
	format string
	file   output.File
}

func sbom(e *env.Env) *cobra.Command {
	var o sbomOptions
	cmd := &cobra.Command{
		Use: "sbom IMAGE", Short: "Write an image's software bill of materials", Args: cobra.ExactArgs(1),
		Example: `  tidepole image sbom shop/web:1.4 -o spdx-json -f web.spdx.json`,
		RunE:    func(cmd *cobra.Command, args []string) error { return runSBOM(cmd.Context(), e, o, args[0]) },
	}
	o.file.Register(cmd.Flags(), "image.sbom", "f")
	output.FlagWithKey(cmd, &o.format, "image.sbom.format", sbomFormats...)
	return cmd
}

func runSBOM(ctx context.Context, e *env.Env, o sbomOptions, name string) error {
	format, err := output.Choose(o.format, sbomFormats...)
	if err != nil {
		return err
	}
	c, found, err := remote.Image(ctx, e, name)
	if err != nil {
		return err
	}
	return o.file.Write(e.Out, func(w io.Writer) error { return c.SBOM(ctx, found.Digest, format, w) })
}
