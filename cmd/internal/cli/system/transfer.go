package system

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver"
	"github.com/tidepole/tidepole/importserver/transfer"
)

// registerPlace adds the flags that say where an installation is. They are those of
// serve, with the same keys: what is set for the server is meant here, too.
func registerPlace(cmd *cobra.Command, p *transfer.Place) {
	fs := cmd.Flags()
	fs.StringVar(&p.Dir, "data", "", "`DIR` of the server's data (default: tidepole in the user's data folder)")
	fs.StringVar(&p.Store, "store", "", "`URL` of the PostgreSQL database with the rows (default: the SQLite file in the data folder); with a password in it, give it as TIDEPOLE_STORE")
	fs.StringVar(&p.Blobs, "blobs", "", "`URL` of where evidence is kept (default: blobs in the data folder)")
	for _, flag := range []string{"data", "store", "blobs"} {
		config.Key(fs, flag, flag)
	}
}

// settle finds the data folder where none is named.
func settle(e *env.Env, p *transfer.Place) error {
	if p.Dir == "" {
		p.Dir = config.DataDir(e.Lookup)
	}
	if p.Dir == "" {
		return fault.New(fault.Invalid, "no data folder is named, and this user has no home folder").WithHint("--data DIR names it")
	}
	return nil
}

func transferOptions(e *env.Env, allowDamaged bool) (transfer.Options, error) {
	temp, err := e.TempDir()
	return transfer.Options{
		Temp: temp, AllowDamaged: allowDamaged, Version: e.Version.Number, Now: e.Now,
		Progress: func(did string) { e.Say("%s", did) },
	}, err
}

func allowDamaged(cmd *cobra.Command, allow *bool, key string) {
	cmd.Flags().BoolVar(allow, "allow-damaged", false, "go on without evidence that is missing or damaged, and list it")
	config.Key(cmd.Flags(), "allow-damaged", key)
}

// showReport writes what was done. next says what is to be done by the operator.
func showReport(w io.Writer, format string, r transfer.Report, next []string) error {
	if format != output.Text {
		return output.WriteJSON(w, format, r)
	}
	l := output.NewLines(w)
	l.Add("Installation", "%s", r.Installation)
	if r.Tables != nil {
		l.Add("Rows", "%d in %d tables, counted and compared", r.Rows(), len(r.Tables))
	}
	if n := r.Altered(); n > 0 {
		l.Add("Altered", "%d rows have characters that the database cannot keep: zero bytes, or none of UTF-8", n)
	}
	found := ""
	if r.Found > 0 {
		found = fmt.Sprintf("; %d were there already", r.Found)
	}
	l.Add("Evidence", "%d blobs, %s, read and compared%s", r.Blobs, output.Bytes(r.BlobBytes), found)
	if len(r.Files) > 0 {
		l.Add("Files", "%s", strings.Join(r.Files, ", "))
	}
	for _, d := range r.Damaged {
		l.Add("Damaged", "%s: %s; of %s", d.Digest, d.Why, strings.Join(d.Images, ", "))
	}
	l.Add("Time", "%.1f s", r.Seconds)
	for _, n := range next {
		l.Add("Next", "%s", n)
	}
	return l.Err()
}

// secretFiles says what becomes of the files that are no rows and no blobs.
var secretFiles = fmt.Sprintf("%s (what the passwords of registries are encrypted with) and %s", importserver.KeyFile, importserver.PasswordFile)
