// Package worker has the command that works for servers, and the one that lists who does.
package worker

import (
	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/node"
)

const help = `Work on the images of servers elsewhere, on the same store and the same blobs.

A worker serves no API. It has a data folder of its own, for what is on its way and
its copy of the vulnerability database, which it has from the servers. The key
that registry passwords are encrypted with must be the servers': --key-file.`

// options are the flags.
type options struct {
	node      node.Options
	listen    string
	readyFile string
}

// Command is "worker" with its verbs.
func Command(e *env.Env) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use: "worker", Short: "Work on the images of servers, on this machine", Long: help, Args: cobra.NoArgs,
		Example: `  tidepole worker --store postgres://tidepole@db.example/tidepole --blobs s3://tidepole/evidence --key-file /etc/tidepole/key`,
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), e, o) },
	}
	fs := cmd.Flags()
	o.node.Register(e, fs, "worker")
	fs.StringVar(&o.listen, "metrics-listen", "", "`HOST:PORT` to serve /health, /ready, /version and /metrics on; port 0 is a free one (default: nowhere)")
	fs.StringVar(&o.readyFile, "ready-file", "", "`FILE` to write to once it works: the URL of --metrics-listen, or nothing")
	config.Key(fs, "metrics-listen", "worker.metrics-listen")
	config.Key(fs, "ready-file", "worker.ready-file")
	cmd.AddCommand(list(e))
	return cmd
}
