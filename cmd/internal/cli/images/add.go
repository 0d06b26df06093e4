package images

import (
	"context"
	"encoding/base64"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/engine"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/cmd/internal/cli/progress"
	"github.com/tidepole/tidepole/cmd/internal/cli/remote"
	"github.com/tidepole/tidepole/formats/reference"
	"github.com/tidepole/tidepole/formats/wire"
)

const addHelp = `Have an image analysed, and keep the evidence on the server.

Without --from the server pulls the image from its registry and analyses it.
With --from the image is analysed here, and only the evidence is sent:

  --from registry          IMAGE from its registry; no daemon is needed
  --from docker:OTHER      OTHER from the Docker daemon, recorded as IMAGE
  --from oci-dir:PATH      an image in a file or folder, recorded as IMAGE
  --from FILE.json         an existing syft document, recorded as IMAGE
  --from -                 the same from standard input

Sources are `

type addOptions struct {
	target      engine.Target
	force       bool
	noSubscribe bool
	bulk        bool
	wait        waitOptions
}

func add(e *env.Env) *cobra.Command {
	var o addOptions
	cmd := &cobra.Command{
		Use: "add IMAGE", Short: "Analyse an image and keep its evidence", Args: cobra.ExactArgs(1),
		Long: addHelp + strings.Join(engine.SourceNames(), ", ") + ".",
		Example: `  tidepole image add registry.example/shop/web:1.4 --wait             # the server pulls it
  tidepole image add shop/web:1.4 --from docker --wait                # analysed here
  syft -o json shop/web:1.4 | tidepole image add shop/web:1.4 --from -`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := engine.OnlyWith(cmd.Flags(), "--from", o.target.From != "", env.HereFlags...); err != nil {
				return err
			}
			return runAdd(cmd.Context(), e, o, args[0])
		},
	}
	fs := cmd.Flags()
	o.target.Register(fs, "`SOURCE[:REF]` to analyse here; without it the server pulls the image")
	fs.BoolVarP(&o.force, "force", "f", false, "analyse again what is known already")
	fs.BoolVarP(&o.noSubscribe, "no-auto-subscribe", "n", false, "do not watch the tag for new images")
	fs.BoolVar(&o.bulk, "bulk", false, "nobody waits for it: the server does first what somebody waits for")
	config.Key(fs, "bulk", "image.add.bulk")
	config.Key(fs, "force", "image.add.force")
	config.Key(fs, "no-auto-subscribe", "image.no-auto-subscribe")
	o.wait.register(fs)
	e.Analysis.RegisterHere(fs)
	output.Flag(cmd, &e.Global.Format, formats...)
	return cmd
}

func runAdd(ctx context.Context, e *env.Env, o addOptions, name string) error {
	format, err := output.Choose(e.Global.Format, formats...)
	if err != nil {
		return err
	}
	if ref, err := reference.Parse(name); err == nil && o.target.Records() {
		if err := ref.Check(); err != nil {
			return err
		}
	}
	display := progress.New(e)
	defer display.Close()
	c, err := remote.Connect(e, display)
	if err != nil {
		return err
	}
	options := wire.AddOptions{Force: o.force, NoSubscribe: o.noSubscribe, Bulk: o.bulk}
	var receipt wire.Receipt
	if o.target.From == "" {
		receipt, err = addCentral(ctx, c, o, name, options)
	} else {
		receipt, err = addLocal(ctx, e, c, o, name, options, display)
	}
	if err != nil {
		return err
	}
	if receipt.Known && o.target.Dockerfile != "" {
		e.Warn("--force takes it", "the Dockerfile %s was not taken, as the image is known", o.target.Dockerfile)
	}
	return finish(ctx, e, c, display, format, receipt, o.wait)
}

// addCentral has the server do all of it.
func addCentral(ctx context.Context, c *client.Client, o addOptions, name string, options wire.AddOptions) (wire.Receipt, error) {
	ref, err := reference.Parse(name)
	if err != nil {
		return wire.Receipt{}, err
	}
	dockerfile, err := o.target.ReadDockerfile()
	if err != nil {
		return wire.Receipt{}, err
	}
	annotations, err := o.target.ReadAnnotations()
	if err != nil {
		return wire.Receipt{}, err
	}
	r := wire.ImageRequest{ImageType: "docker", Annotations: annotations}
	encoded := base64.StdEncoding.EncodeToString(dockerfile)
	if ref.Digest == "" {
		r.Source.Tag = &wire.TagSource{PullString: ref.FullTag(), Dockerfile: encoded, Platform: o.target.Platform}
	} else {
		r.Source.Digest = &wire.DigestSource{PullString: ref.FullDigest(ref.Digest), Tag: ref.FullTag(), Dockerfile: encoded, Platform: o.target.Platform}
	}
	return c.AddImage(ctx, r, options)
}

// addLocal analyses here and sends the evidence.
func addLocal(ctx context.Context, e *env.Env, c *client.Client, o addOptions, name string, options wire.AddOptions, display *progress.Display) (wire.Receipt, error) {
	b, err := o.target.Analyze(ctx, e, name, display)
	if err != nil {
		return wire.Receipt{}, err
	}
	defer b.Close()
	return c.Import(ctx, b, options)
}

// finish waits for an image that was added where that is asked for, and shows it.
func finish(ctx context.Context, e *env.Env, c *client.Client, display *progress.Display, format string, receipt wire.Receipt, o waitOptions) error {
	if receipt.Known {
		e.Say("%s: the image is known (%s): the evidence was left as it is; names and annotations were recorded; --force replaces it",
			receipt.Image.Digest, dashed(receipt.Image.Status))
	}
	image := receipt.Image
	var err error
	if o.wait {
		image, err = remote.Wait(ctx, c, receipt.Image.Digest, o.timeout, func(note string) { display.Note("wait", note) })
		if image.Digest == "" {
			image = receipt.Image
		}
	}
	display.Close()
	if showErr := show(e.Out, format, image); showErr != nil && err == nil {
		err = showErr
	}
	return err
}

// register adds --wait and --timeout.
func (o *waitOptions) register(fs *pflag.FlagSet) {
	fs.BoolVarP(&o.wait, "wait", "w", false, "wait until the server has analysed the image")
	config.Duration(fs, &o.timeout, "timeout", defaultTimeout, "with --wait: how long to wait for the server, once it has the image; the work goes on")
	config.Key(fs, "wait", "image.wait")
	config.Key(fs, "timeout", "image.timeout")
}
