// Package serve has the command that is the server.
package serve

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
)

const help = `Run the server: the API and the workers behind it, in one process.

Everything is kept in the data folder, except for the cache of analysed layers,
which this user's commands share. The password for the user admin is the
one given, or else generated at the first start and kept in DIR/admin-password,
where this user's own commands find it.`

// options are the flags.
type options struct {
	data         string
	listen       string
	workers      int
	passwordFile string
	cert, key    string
	vulndbURL    string
	vulndbEvery  time.Duration
	grace        time.Duration
	events       int
	eventAge     time.Duration
	readyFile    string
}

// Command is "serve".
func Command(e *env.Env) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use: "serve", Short: "Run the server", Long: help, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), e, o) },
	}
	fs := cmd.Flags()
	fs.StringVar(&o.data, "data", "", "`DIR` that holds everything (default: tidepole in the user's data folder)")
	fs.StringVar(&o.listen, "listen", "127.0.0.1:8228", "`HOST:PORT` to listen on; port 0 is a free one")
	fs.IntVar(&o.workers, "workers", 2, "images worked on at once")
	fs.StringVar(&o.passwordFile, "admin-password-file", "", "`FILE` whose first line is the password of the user admin")
	fs.StringVar(&o.cert, "tls-cert", "", "PEM `FILE` of the certificate to serve HTTPS with")
	fs.StringVar(&o.key, "tls-key", "", "PEM `FILE` of the certificate's key")
	fs.StringVar(&o.vulndbURL, "vulndb-url", "", "`URL` the vulnerability database is downloaded from (default: grype's distribution)")
	config.Duration(fs, &o.vulndbEvery, "vulndb-update", 0, "how often to download the newest vulnerability database, at the start too; 0 is never")
	config.Duration(fs, &o.grace, "grace", 10*time.Second, "how long running work may go on when the server is to end")
	fs.IntVar(&o.events, "events", 100_000, "events kept of an account")
	config.Duration(fs, &o.eventAge, "event-age", 30*24*time.Hour, "how long an event is kept")
	fs.StringVar(&o.readyFile, "ready-file", "", "`FILE` to write the server's URL to, once it listens")
	e.Analysis.RegisterHere(fs)
	for flag, key := range map[string]string{
		"data": "data", "listen": "serve.listen", "workers": "serve.workers", "admin-password-file": "admin-password-file",
		"tls-cert": "serve.tls-cert", "tls-key": "serve.tls-key", "vulndb-url": "vulndb.url",
		"vulndb-update": "serve.vulndb-update", "grace": "serve.grace", "events": "serve.events", "event-age": "serve.event-age", "ready-file": "serve.ready-file",
	} {
		config.Key(fs, flag, key)
	}
	return cmd
}
