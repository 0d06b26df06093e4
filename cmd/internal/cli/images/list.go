package images

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/cmd/internal/cli/remote"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
	"github.com/tidepole/tidepole/formats/table"
	"github.com/tidepole/tidepole/formats/wire"
)

var listFormats = append(formats[:len(formats):len(formats)], output.CSV)

type listOptions struct {
	image   string
	status  string
	record  string
	history bool
}

func list(e *env.Env) *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use: "list", Short: "List the server's images", Args: cobra.NoArgs,
		Example: `  tidepole image list -s analysis-failed
  tidepole image list -i shop/web:1.4 --history -o json`,
		RunE: func(cmd *cobra.Command, _ []string) error { return runList(cmd.Context(), e, o) },
	}
	fs := cmd.Flags()
	fs.StringVarP(&o.image, "image", "i", "", "only the images of this `TAG`")
	fs.StringVarP(&o.status, "analysis-status", "s", "", "only images in this state: not-analyzed, analyzing, analyzed, analysis-failed (or with _, as the API has it)")
	fs.StringVar(&o.record, "image-status", wire.Active, "only records in this state: active, deleting, all")
	fs.BoolVar(&o.history, "history", false, "with --image: all images that have had the tag")
	for flag, key := range map[string]string{
		"image": "image.list.image", "analysis-status": "image.list.analysis-status",
		"image-status": "image.list.image-status", "history": "image.list.history",
	} {
		config.Key(fs, flag, key)
	}
	output.Flag(cmd, &e.Global.Format, listFormats...)
	return cmd
}

func runList(ctx context.Context, e *env.Env, o listOptions) error {
	format, err := output.Choose(e.Global.Format, listFormats...)
	if err != nil {
		return err
	}
	filter, err := o.filter()
	if err != nil {
		return err
	}
	c, err := remote.Connect(e, nil)
	if err != nil {
		return err
	}
	images, err := c.Images(ctx, filter)
	if err != nil && !(fault.Of(err) == fault.NotFound && o.image != "") {
		return err
	}
	switch format {
	case output.JSON, output.JSONRaw:
		if images == nil {
			images = []wire.Image{}
		}
		return output.WriteJSON(e.Out, format, wire.ImageList{Items: images})
	case output.ID:
		for _, image := range images {
			if _, err := fmt.Fprintln(e.Out, table.Clean(image.Digest)); err != nil {
				return err
			}
		}
		return nil
	case output.CSV:
		return rows(images).CSV(e.Out)
	}
	if len(images) == 0 {
		e.Say("no images")
		return nil
	}
	return rows(images).Write(e.Out, e.Out.Columns())
}

var (
	statuses = []string{wire.NotAnalyzed, wire.Analyzing, wire.Analyzed, wire.AnalysisFailed}
	records  = []string{wire.Active, "deleting", "all"}
)

func (o listOptions) filter() (wire.ImageFilter, error) {
	f := wire.ImageFilter{Status: underscored(o.status), Record: o.record, History: o.history}
	if f.Status != "" && !slices.Contains(statuses, f.Status) {
		return f, fault.New(fault.Invalid, "there is no state %q of an analysis", o.status).
			WithHint("--analysis-status is one of %s", dashed(strings.Join(statuses, ", ")))
	}
	if !slices.Contains(records, o.record) {
		return f, fault.New(fault.Invalid, "there is no state %q of a record", o.record).
			WithHint("--image-status is one of %s", strings.Join(records, ", "))
	}
	if o.image == "" {
		if o.history {
			return f, fault.New(fault.Invalid, "--history needs --image TAG")
		}
		return f, nil
	}
	ref, err := reference.Parse(o.image)
	f.FullTag = ref.FullTag()
	return f, err
}

func rows(images []wire.Image) *table.Table {
	t := table.New(
		table.Column{Name: "Tag", Shrink: true}, table.Column{Name: "Digest", Shrink: true},
		table.Column{Name: "Analysis"}, table.Column{Name: "Status", Drop: 2}, table.Column{Name: "Added", Drop: 1})
	for _, image := range images {
		names := tags(image)
		if len(names) == 0 {
			names = []string{""}
		}
		for _, tag := range names {
			t.Row(tag, image.Digest, dashed(image.Status), image.RecordStatus, output.Time(image.CreatedAt))
		}
	}
	return t
}
