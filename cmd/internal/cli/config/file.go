package config

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"

	"github.com/tidepole/tidepole/formats/fault"
)

// maxFile bounds a configuration file, in bytes.
const maxFile = 1 << 20

// Config is a configuration file, or none, and the environment above it.
type Config struct {
	Path    string // the file that was read; "" where there is none
	here    bool   // nobody named it: it lay in the working folder
	lookup  func(string) (string, bool)
	viper   *viper.Viper
	tree    map[string]any    // the file as it is, its maps' keys in their own case
	ranks   map[string]int    // by key: where the value comes from; a flag's is the highest
	origins map[string]string // the same in words
}

// Load reads the file at path or, where path is empty, the one that TIDEPOLE_CONFIG
// names or else the first that exists of those that Search lists.
func Load(lookup func(string) (string, bool), path string) (*Config, error) {
	c := &Config{lookup: lookup, viper: viper.New(), ranks: map[string]int{}, origins: map[string]string{}}
	if path == "" {
		path, _ = lookup(Prefix + "CONFIG")
	}
	if path != "" {
		return c, c.read(path)
	}
	for _, path := range Search(lookup) {
		err := c.read(path)
		if !errors.Is(err, fs.ErrNotExist) {
			c.here = !filepath.IsAbs(path)
			return c, err
		}
	}
	return c, nil
}

// Search lists where a file is looked for, in order.
func Search(lookup func(string) (string, bool)) []string {
	paths := []string{".tidepole.yaml", "tidepole.yaml"}
	home := Home(lookup)
	if home != "" {
		paths = append(paths, filepath.Join(home, ".tidepole.yaml"))
	}
	if dir := XDG(lookup, "XDG_CONFIG_HOME", ".config"); dir != "" {
		paths = append(paths, filepath.Join(dir, "tidepole", "config.yaml"))
	}
	return paths
}

// Home is the user's home folder, or "".
func Home(lookup func(string) (string, bool)) string {
	for _, name := range []string{"HOME", "USERPROFILE"} {
		if home, _ := lookup(name); home != "" {
			return home
		}
	}
	return ""
}

// XDG is the base folder of that name or, where the environment names none, the
// one below the home folder that the XDG specification gives. It may be "".
func XDG(lookup func(string) (string, bool), name, below string) string {
	if dir, _ := lookup(name); filepath.IsAbs(dir) {
		return dir
	}
	if home := Home(lookup); home != "" {
		return filepath.Join(home, filepath.FromSlash(below))
	}
	return ""
}

func (c *Config) read(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fault.New(fault.NotFound, "read configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return fault.New(fault.Invalid, "read configuration: %w", err)
	}
	if len(data) > maxFile {
		return fault.New(fault.TooLarge, "read configuration %s: longer than %d bytes", path, maxFile)
	}
	if err := yaml.Unmarshal(data, &c.tree); err != nil {
		return fault.New(fault.Invalid, "read configuration %s: %s", path, oneLine(err)).
			WithHint("the file is YAML; see docs/configuration.md for its keys")
	}
	c.viper.SetConfigType("yaml")
	if err := c.viper.ReadConfig(bytes.NewReader(data)); err != nil {
		return fault.New(fault.Invalid, "read configuration %s: %s", path, oneLine(err))
	}
	c.Path = path
	return nil
}

func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// Map is the table of strings at a key of the file, its names in their own case.
func (c *Config) Map(key string) (map[string]string, error) {
	raw := at(c.tree, strings.Split(key, "."))
	if raw == nil {
		return nil, nil
	}
	var m map[string]string
	if err := convert(raw, &m); err != nil {
		return nil, fault.New(fault.Invalid, "read configuration %s: %s is not a table of names and texts", c.Path, key)
	}
	return m, nil
}

// Decode fills v, which has yaml tags, from a key of the file; without the key
// it leaves v as it is. What v does not know is an error.
func (c *Config) Decode(key string, v any) error {
	raw := at(c.tree, strings.Split(key, "."))
	if raw == nil {
		return nil
	}
	if err := convert(raw, v); err != nil {
		return fault.New(fault.Invalid, "read configuration %s: %s: %s", c.Path, key, oneLine(err))
	}
	return nil
}

func convert(raw, v any) error {
	data, err := yaml.Marshal(raw)
	if err != nil {
		return err
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	return dec.Decode(v)
}

// at is the value at a path of a tree, whatever the case of its keys.
func at(tree map[string]any, path []string) any {
	for k, v := range tree {
		if !strings.EqualFold(k, path[0]) {
			continue
		}
		if len(path) == 1 {
			return v
		}
		if below, ok := v.(map[string]any); ok {
			return at(below, path[1:])
		}
	}
	return nil
}
