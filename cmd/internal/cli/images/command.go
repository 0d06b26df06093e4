// Package images has the commands on images.
package images

import (
	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/engine"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/remote"
)

// Command is "image" with its verbs.
func Command(e *env.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "image", Short: "Add, show, judge and delete images",
		Long: "Add images, show what is known of them, judge and delete them.\n\n" +
			"IMAGE is a tag, a digest (sha256:…) or an image id of the server's images.",
	}
	named := []*cobra.Command{get(e), metadata(e), content(e), sbom(e), vulnerabilities(e), check(e), remove(e)}
	for _, c := range named {
		c.ValidArgsFunction = remote.CompleteImages(e)
	}
	for _, c := range append([]*cobra.Command{add(e), analyze(e), list(e)}, named...) {
		_ = c.RegisterFlagCompletionFunc("from", cobra.FixedCompletions(engine.SourceNames(), cobra.ShellCompDirectiveDefault))
		cmd.AddCommand(c)
	}
	return cmd
}
