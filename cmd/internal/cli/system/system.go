// Package system has the commands on the server as a whole.
package system

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/exit"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/cmd/internal/cli/remote"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

// pause is between two looks at a server that is not ready.
const pause = 250 * time.Millisecond

var formats = []string{output.Text, output.JSON, output.JSONRaw}

// Command is "system" with its verbs.
func Command(e *env.Env) *cobra.Command {
	cmd := &cobra.Command{Use: "system", Short: "Show the server's state, wait for it; back it up, restore it, move it"}
	cmd.AddCommand(status(e), ready(e), wait(e), backup(e), restore(e), migrate(e))
	return cmd
}

func status(e *env.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use: "status", Short: "Show the server's state", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runStatus(cmd.Context(), e) },
	}
	output.Flag(cmd, &e.Global.Format, formats...)
	return cmd
}

func runStatus(ctx context.Context, e *env.Env) error {
	format, err := output.Choose(e.Global.Format, formats...)
	if err != nil {
		return err
	}
	c, err := remote.Connect(e, nil)
	if err != nil {
		return err
	}
	s, err := c.Status(ctx)
	if err != nil {
		return err
	}
	return show(e.Out, format, c.URL(), s)
}

func wait(e *env.Env) *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use: "wait", Short: "Wait until the server is ready", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runWait(cmd.Context(), e, timeout) },
	}
	config.Duration(cmd.Flags(), &timeout, "timeout", 5*time.Minute, "how long to wait for the server to be ready")
	config.Key(cmd.Flags(), "timeout", "system.wait.timeout")
	output.Flag(cmd, &e.Global.Format, formats...)
	return cmd
}

func runWait(ctx context.Context, e *env.Env, timeout time.Duration) error {
	format, err := output.Choose(e.Global.Format, formats...)
	if err != nil {
		return err
	}
	c, err := remote.Connect(e, nil)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		s, err := c.Status(limited)
		switch {
		case err == nil && s.Up && s.Available:
			return show(e.Out, format, c.URL(), s)
		case limited.Err() == nil && err != nil && fault.Of(err) != fault.Unavailable:
			return err
		}
		select {
		case <-time.After(pause):
		case <-limited.Done():
			if ctx.Err() != nil {
				return fmt.Errorf("wait for %s: %w", c.URL(), ctx.Err())
			}
			return exit.With(exit.TimedOut, notReady(c.URL(), timeout, s, err))
		}
	}
}

func notReady(url string, timeout time.Duration, s wire.Status, err error) error {
	why := "it does not answer"
	switch {
	case err != nil && !errors.Is(err, context.DeadlineExceeded):
		why = err.Error()
	case err == nil && s.Message != "":
		why = s.Message
	case err == nil:
		why = "it is not available yet"
	}
	return fault.New(fault.Unavailable, "wait for %s: not ready after %s: %s", url, timeout, why).
		WithHint("start one with tidepole serve, name another with --url, or wait longer with --timeout")
}

func show(w io.Writer, format, url string, s wire.Status) error {
	if format != output.Text {
		return output.WriteJSON(w, format, s)
	}
	state := "down"
	if s.Up && s.Available {
		state = "up"
	}
	l := output.NewLines(w)
	l.Add("Server", "%s", url)
	l.Add("Status", "%s", state)
	l.Add("Version", "%s", s.Version)
	l.Add("Store", "%s", s.DBVersion)
	if s.Message != "" && s.Message != fine {
		l.Add("Message", "%s", s.Message)
	}
	detail(l, nil, s.Detail)
	return l.Err()
}

// fine is the API's message where there is nothing to say.
const fine = "all good"

// labels are the names of what a server says of itself, where its keys do not
// read well.
var labels = map[string]string{"queue queued": "Queued", "queue running": "Running", "images": "Images"}

// detail writes what the server says of its parts, one line each.
func detail(l *output.Lines, above []string, m map[string]any) {
	for _, k := range slices.Sorted(maps.Keys(m)) {
		path := append(above[:len(above):len(above)], strings.ReplaceAll(k, "_", " "))
		if below, ok := m[k].(map[string]any); ok {
			detail(l, path, below)
			continue
		}
		l.Add(label(path), "%s", value(m[k]))
	}
}

// label is where a value stands: "Database built" of database, built.
func label(path []string) string {
	name := strings.Join(path, " ")
	if text, ok := labels[name]; ok {
		return text
	}
	if rest, ok := strings.CutPrefix(name, "queue stages "); ok { // of one kind of work
		name = rest
	}
	return capital(name)
}

// value is a value as people read it: yes and no, whole numbers, times in seconds.
func value(v any) string {
	switch v := v.(type) {
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case string:
		if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
			return output.Time(t)
		}
	}
	return fmt.Sprint(v)
}

func capital(s string) string { return strings.ToUpper(s[:min(1, len(s))]) + s[min(1, len(s)):] }
