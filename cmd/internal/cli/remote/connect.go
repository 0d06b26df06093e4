// Package remote is the server that client commands talk to: how it is reached,
// how images are found on it, and how their work is waited for.
package remote

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/cmd/internal/cli/progress"
	"github.com/tidepole/tidepole/formats/fault"
)

// DefaultURL is the server's address where none is configured: what serve
// listens on where it is not told either.
const DefaultURL = "http://127.0.0.1:8228"

// maxPassword bounds a password file, in bytes.
const maxPassword = 4096

// Connect makes the client that the settings describe. Uploads are shown on
// display, which may be nil.
func Connect(e *env.Env, display *progress.Display) (*client.Client, error) {
	if err := named(e.Global.URL); err != nil {
		return nil, err
	}
	password, from, err := password(e)
	if err != nil {
		return nil, err
	}
	o := client.Options{
		URL: e.Global.URL, Username: e.Global.Username, Password: password, PasswordFrom: from, Account: e.Global.Account,
		UserAgent: "tidepole/" + e.Version.Number, CAFiles: e.Global.CAFiles,
		Proxy: http.ProxyFromEnvironment, Timeout: e.Global.Timeout,
		StateDir: stateDir(e),
		Notify:   func(n client.Notice) { notify(e, n) },
	}
	if display != nil {
		o.Progress = func(p client.Progress) { display.Update(progress.Event(p)) }
		if o.TempDir, err = e.TempDir(); err != nil {
			return nil, err
		}
	}
	if e.Log.Enabled(context.Background(), slog.LevelDebug) {
		o.Trace = func(t client.Trace) { trace(e, t) }
	}
	c, err := client.New(o)
	if err != nil {
		return nil, err
	}
	e.Log.Info("server", "url", c.URL(), "user", o.Username)
	return c, nil
}

// named refuses an address without a scheme, and says what it would be with one.
func named(address string) error {
	if address == "" || strings.Contains(address, "://") || strings.Contains(address, "@") {
		return nil
	}
	return fault.New(fault.Invalid, "the server's address %q does not begin with http:// or https://", address).
		WithHint("--url http://%s", address)
}

// trace logs a request: its path, but not its query.
func trace(e *env.Env, t client.Trace) {
	attrs := []any{"method", t.Method, "path", t.Path, "status", t.Status, "took", t.Took.Round(time.Millisecond)}
	if t.Err != nil {
		attrs = append(attrs, "error", t.Err)
	}
	e.Log.Debug("request", attrs...)
}

// longPause is the shortest pause that a user is told of unasked.
const longPause = 2 * time.Second

// notify tells the user why it takes longer.
func notify(e *env.Env, n client.Notice) {
	switch {
	case n.Wait == 0:
		e.Warn("", "%v", n.Err)
	case n.Wait < longPause:
		e.Log.Info("trying again", "in", n.Wait, "error", n.Err)
	default:
		e.Say("warning: %v; trying again in %s", n.Err, output.Span(n.Wait))
	}
}

// stateDir is where unfinished uploads are remembered.
func stateDir(e *env.Env) string {
	if dir := config.XDG(e.Lookup, "XDG_STATE_HOME", ".local/state"); dir != "" {
		return filepath.Join(dir, "tidepole", "uploads")
	}
	return ""
}

// password is the one given or, for the server of this machine's own user,
// the one that the server generated; and where it is from.
func password(e *env.Env) (plain, from string, err error) {
	if e.Config.Lured("url", "password", "password-file") {
		return "", "", fault.New(fault.Forbidden, "sign in at %s: %s in the working folder names this server, and the password is not from there", e.Global.URL, e.Config.Path).
			WithHint("if you trust the file, name it: -c %s or TIDEPOLE_CONFIG; else set --url or TIDEPOLE_URL", e.Config.Path)
	}
	switch {
	case e.Global.PasswordFile != "" && (e.Global.Password == "" || e.Config.Outranks("password-file", "password")):
		plain, err = ReadPassword(e.Global.PasswordFile)
		return plain, "file " + e.Global.PasswordFile + ", which " + e.Config.Origin("password-file") + " names", err
	case e.Global.Password != "":
		return e.Global.Password, e.Config.Origin("password"), nil
	case strings.TrimRight(e.Global.URL, "/") == DefaultURL && e.Global.Username == "admin":
		file := filepath.Join(config.DataDir(e.Lookup), "admin-password")
		if password, err := ReadPassword(file); err == nil && filepath.IsAbs(file) {
			e.Log.Debug("using the local server's generated password", "file", file)
			return password, "file " + file + ", where a server of yours keeps the first password of the user admin", nil
		}
	}
	return "", "", nil
}

// ReadPassword is the first line of a file.
func ReadPassword(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fault.New(fault.Invalid, "read the password: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxPassword+1))
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	if len(data) > maxPassword {
		return "", fault.New(fault.Invalid, "read the password: %s is longer than %d bytes", path, maxPassword)
	}
	line, _, _ := strings.Cut(string(data), "\n")
	line = strings.TrimSuffix(line, "\r")
	if line == "" {
		return "", fault.New(fault.Invalid, "read the password: the first line of %s is empty", path)
	}
	return line, nil
}
