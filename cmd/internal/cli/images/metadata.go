package images

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/cmd/internal/cli/remote"
	"github.com/tidepole/tidepole/formats/fault"
)

type metadataOptions struct {
	kind string
	file output.File
}

func metadata(e *env.Env) *cobra.Command {
	var o metadataOptions
	cmd := &cobra.Command{
		Use: "metadata IMAGE", Short: "Show an image's manifest, history or Dockerfile", Args: cobra.ExactArgs(1),
		Long: "Show an image's manifest, its parent's manifest, configuration, history or Dockerfile.\nWithout --type the types that there are.",
		RunE: func(cmd *cobra.Command, args []string) error { return runMetadata(cmd.Context(), e, o, args[0]) },
	}
	cmd.Flags().StringVarP(&o.kind, "type", "t", "", "manifest, parent_manifest, config, docker_history, dockerfile")
	config.Key(cmd.Flags(), "type", "image.metadata.type")
	o.file.Register(cmd.Flags(), "image.metadata", "")
	output.Flag(cmd, &e.Global.Format, output.Text, output.JSON, output.JSONRaw)
	return cmd
}

func runMetadata(ctx context.Context, e *env.Env, o metadataOptions, name string) error {
	format, err := output.Choose(e.Global.Format, output.Text, output.JSON, output.JSONRaw)
	if err != nil {
		return err
	}
	c, found, err := remote.Image(ctx, e, name)
	if err != nil {
		return err
	}
	if o.kind == "" {
		types, err := c.MetadataTypes(ctx, found.Digest)
		if err != nil {
			return err
		}
		return showTypes(e, format, types)
	}
	m, err := c.Metadata(ctx, found.Digest, strings.ReplaceAll(o.kind, "-", "_"))
	if err != nil {
		return err
	}
	return o.file.Write(e.Out, func(w io.Writer) error {
		if format != output.Text {
			return output.WriteJSON(w, format, m)
		}
		data, err := base64.StdEncoding.DecodeString(m.Data)
		if err != nil {
			return fault.New(fault.Internal, "read metadata %s: the server's answer is not base64: %w", o.kind, err)
		}
		if m.Type == "docker_history" && !bytes.HasSuffix(data, []byte("\n")) { // it has no digest that counts its bytes
			data = append(data, '\n')
		}
		_, err = w.Write(data)
		return err
	})
}

func showTypes(e *env.Env, format string, types []string) error {
	if format != output.Text {
		return output.WriteJSON(e.Out, format, types)
	}
	for _, t := range types {
		if _, err := fmt.Fprintln(e.Out, t); err != nil {
			return err
		}
	}
	return nil
}
