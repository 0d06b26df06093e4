package cli_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/tidepole/tidepole/cmd/internal/cli"
	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
)

const deploy = "../../../deploy"

// commandLines are those that the files in deploy/ start tidepole with, by where they stand.
func commandLines(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, unit := range []string{"tidepole.service", "tidepole-worker@.service"} {
		for line := range strings.Lines(read(t, "systemd/"+unit)) {
			if args, ok := strings.CutPrefix(line, "ExecStart=/usr/bin/tidepole "); ok {
				all[unit] = strings.Fields(args)
			}
		}
	}
	var compose struct {
		Services map[string]struct {
			Command     []string
			Healthcheck struct{ Test []string }
		}
	}
	parse(t, "compose.yaml", read(t, "compose.yaml"), &compose)
	for _, name := range []string{"server", "worker"} {
		all["compose.yaml "+name] = compose.Services[name].Command
	}
	all["compose.yaml healthcheck"] = slices.DeleteFunc(compose.Services["server"].Healthcheck.Test,
		func(s string) bool { return s == "CMD" || s == "/usr/bin/tidepole" })
	for _, name := range []string{"default", "scaled", "keda"} { // as deploy/check renders the chart
		for doc := range strings.SplitSeq(read(t, "check/testdata/"+name+".yaml"), "\n---\n") {
			var o struct {
				Kind string
				Spec struct {
					Template struct {
						Spec struct {
							Containers []struct{ Args []string }
						}
					}
				}
			}
			parse(t, name, doc, &o)
			for _, c := range o.Spec.Template.Spec.Containers {
				all["helm "+name+" "+o.Kind] = c.Args
			}
		}
	}
	for _, name := range []string{"Containerfile", "Containerfile.release"} {
		command := regexp.MustCompile(`(?m)^CMD \["(.*)"\]$`).FindStringSubmatch(read(t, name))
		all[name] = strings.Split(command[1], `", "`)
	}
	return all
}

func read(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(deploy, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func parse(t *testing.T, name, text string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// Every command line in deploy/ is one that the program takes.
func TestDeployedCommandLines(t *testing.T) {
	lines := commandLines(t)
	if len(lines) < 11 {
		t.Errorf("command lines were found in %d places only: %v", len(lines), lines)
	}
	for where, args := range lines {
		root, _ := cli.Tree(&env.Env{})
		cmd, rest, err := root.Find(args)
		if err != nil || !cmd.Runnable() || cmd == root || len(args) == 0 {
			t.Errorf("%s: %v is no command: %v", where, args, err)
			continue
		}
		err = cmd.ParseFlags(rest)
		if err == nil {
			err = cmd.ValidateArgs(cmd.Flags().Args())
		}
		if err != nil {
			t.Errorf("%s: tidepole %s: %v", where, strings.Join(args, " "), err)
		}
	}
}

// Every variable in deploy/ is one that sets something.
func TestDeployedVariables(t *testing.T) {
	known := map[string]bool{"TIDEPOLE_CONFIG": true,
		"TIDEPOLE_IMAGE": true} // Compose's own, for the name of the image
	root, settings := cli.Tree(&env.Env{})
	learn := func(f *pflag.Flag) {
		s, _ := config.Describe(f)
		for _, name := range s.Env {
			known[name] = true
		}
	}
	each(root, func(c *cobra.Command) { c.LocalFlags().VisitAll(learn); c.PersistentFlags().VisitAll(learn) })
	settings.VisitAll(learn)
	found := 0
	err := filepath.WalkDir(deploy, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, name := range regexp.MustCompile(`\bTIDEPOLE_[A-Z_]*[A-Z]\b`).FindAllString(string(data), -1) {
			found++
			if !known[name] {
				t.Errorf("%s: no setting is called %s", path, name)
			}
		}
		return nil
	})
	if err != nil || found < 10 {
		t.Errorf("%d variables were found: %v", found, err)
	}
}
