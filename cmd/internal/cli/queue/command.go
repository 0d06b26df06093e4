// Package queue has the commands on the work that a server has to do on images.
package queue

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/cmd/internal/cli/remote"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

// Command is "queue" with its verbs.
func Command(e *env.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "queue", Short: "Show, cancel and repeat the server's work on images",
		Long: "Show, cancel and repeat the server's work on images.\n\n" +
			"IMAGE is a tag, a digest (sha256:…) or an image id of the server's images. What\n" +
			"somebody waits for is done first; what is in bulk, such as matching all images\n" +
			"after the vulnerability database changed, has one claim in eight. Accounts take\n" +
			"turns, however much each has waiting.",
	}
	named := []*cobra.Command{show(e), cancel(e), retry(e)}
	for _, c := range named {
		c.ValidArgsFunction = remote.CompleteImages(e)
	}
	cmd.AddCommand(list(e))
	cmd.AddCommand(named...)
	return cmd
}

var formats = []string{output.Text, output.JSON, output.JSONRaw, output.ID}

// each makes a request on images, one after another, and shows what became of them.
// Nothing is asked for where one of the names is unknown; where a request fails,
// those before it are shown.
func each(ctx context.Context, e *env.Env, names []string, do func(*client.Client, string) (wire.Image, error)) error {
	format, err := output.Choose(e.Global.Format, formats...)
	if err != nil {
		return err
	}
	if len(names) == 0 {
		return fault.New(fault.Invalid, "no image is named").WithHint("tidepole queue list shows what there is")
	}
	c, err := remote.Connect(e, nil)
	if err != nil {
		return err
	}
	var digests []string
	for _, name := range names {
		found, err := remote.Find(ctx, e, c, name)
		if err != nil {
			return err
		}
		digests = append(digests, found.Digest)
	}
	images := []wire.Image{}
	for _, digest := range digests {
		image, err := do(c, digest)
		if err != nil {
			return errors.Join(showImages(e, format, images), err)
		}
		images = append(images, image)
	}
	return showImages(e, format, images)
}

// dashed is a word of the API as text results spell it.
func dashed(word string) string { return strings.ReplaceAll(word, "_", "-") }
