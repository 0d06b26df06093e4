// Package images has the commands on images.
package images

import (
	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/env"
)

// Command is "image" with its verbs.
func Command(e *env.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "image", Short: "Add, show, judge and delete images",
		Long: "Add images, show what is known of them, judge and delete them.\n\n" +
			"IMAGE is a tag, a digest (sha256:…) or an image id of the server's images.",
	}
	cmd.AddCommand(add(e), analyze(e), list(e), get(e), metadata(e), content(e), sbom(e), vulnerabilities(e), check(e), remove(e))
	return cmd
}
