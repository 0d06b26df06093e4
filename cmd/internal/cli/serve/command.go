// Package serve has the command that is the server.
package serve

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/node"
)

const help = `Run the server: the API and the workers behind it, in one process.

Everything is kept in the data folder, except for the cache of analysed layers,
which this user's commands share. With --store and --blobs, images and evidence
are kept there instead, and any number of servers and workers (tidepole worker)
have them together, each with a data folder of its own.

The first password of the user admin is the one given, or else generated at the
first start and kept in DIR/admin-password, where this user's own commands find
it. From then on that file counts for nothing, and a password that is given
counts once: it becomes the user's when no server on this store had it before.`

// options are the flags.
type options struct {
	node         node.Options
	listen       string
	metrics      string // where else to listen, for those who watch; "" is nowhere
	passwordFile string
	cert, key    string
	vulndbURL    string
	vulndbEvery  time.Duration
	events       int
	eventAge     time.Duration
	readyFile    string
	newStore     bool
	keeping      keeping
}

// Command is "serve".
func Command(e *env.Env) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use: "serve", Short: "Run the server", Long: help, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), e, o) },
	}
	fs := cmd.Flags()
	o.node.Register(e, fs, "serve")
	fs.StringVar(&o.listen, "listen", "127.0.0.1:8228", "`HOST:PORT` to listen on; port 0 is a free one")
	fs.StringVar(&o.metrics, "metrics-listen", "", "`HOST:PORT` to serve /health, /ready, /version and /metrics on without a password, too; port 0 is a free one (default: nowhere)")
	fs.StringVar(&o.passwordFile, "admin-password-file", "", "`FILE` whose first line is the password of the user admin")
	fs.StringVar(&o.cert, "tls-cert", "", "PEM `FILE` of the certificate to serve HTTPS with")
	fs.StringVar(&o.key, "tls-key", "", "PEM `FILE` of the certificate's key")
	fs.StringVar(&o.vulndbURL, "vulndb-url", "", "`URL` the vulnerability database is downloaded from (default: grype's distribution)")
	config.Duration(fs, &o.vulndbEvery, "vulndb-update", 0, "how often to download the newest vulnerability database, at the start too; 0 is never")
	fs.IntVar(&o.events, "events", 100_000, "events kept of an account")
	config.Duration(fs, &o.eventAge, "event-age", 30*24*time.Hour, "how long an event is kept")
	fs.StringVar(&o.readyFile, "ready-file", "", "`FILE` to write the server's URL to, once it listens")
	fs.BoolVar(&o.newStore, "new-store", false, "begin on a --store without images although the data folder has some that were not moved there")
	o.keeping.register(fs)
	for flag, key := range map[string]string{
		"listen": "serve.listen", "metrics-listen": "serve.metrics-listen", "admin-password-file": "admin-password-file",
		"tls-cert": "serve.tls-cert", "tls-key": "serve.tls-key", "vulndb-url": "vulndb.url",
		"vulndb-update": "serve.vulndb-update", "events": "serve.events", "event-age": "serve.event-age", "ready-file": "serve.ready-file", "new-store": "serve.new-store",
	} {
		config.Key(fs, flag, key)
	}
	return cmd
}
