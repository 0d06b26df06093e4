package config

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/tidepole/tidepole/formats/fault"
)

// Value is a setting with what it is and why.
type Value struct {
	Setting
	Value  string // as its flag writes it
	Origin string // "flag --url", "environment TIDEPOLE_URL", "file tidepole.yaml", "default"
}

// Fill sets every flag with a key that the command line did not set.
func (c *Config) Fill(fs *pflag.FlagSet) error {
	var first error
	fs.VisitAll(func(f *pflag.Flag) {
		if first == nil {
			_, first = c.fill(f)
		}
	})
	return first
}

// Resolve fills a flag and says where its value comes from.
func (c *Config) Resolve(f *pflag.Flag) (Value, error) {
	origin, err := c.fill(f)
	if err != nil {
		return Value{}, err
	}
	s, _ := Describe(f)
	return Value{Setting: s, Value: text(f), Origin: origin}, nil
}

// Where a value comes from, the weakest first. What is only the default has none.
const (
	fromFile = iota + 1
	fromEnvironment
	fromFlag
)

// Outranks tells whether one setting comes from a stronger place than another
// that means the same: a flag is stronger than the environment, and that than
// the file.
func (c *Config) Outranks(key, other string) bool { return c.ranks[key] > c.ranks[other] }

// Origin says where a setting comes from, as in "environment TIDEPOLE_URL".
func (c *Config) Origin(key string) string { return c.origins[key] }

// Lured tells whether a file that only lies in the working folder, as a
// stranger's may, says where a secret is to go that comes from elsewhere.
func (c *Config) Lured(where string, secrets ...string) bool {
	for _, secret := range secrets {
		if c.here && c.ranks[where] == fromFile && c.ranks[secret] > fromFile {
			return true
		}
	}
	return false
}

// Stray tells whether a setting comes from a file that only lies in the working
// folder, as a stranger's may.
func (c *Config) Stray(key string) bool { return c.here && c.ranks[key] == fromFile }

func (c *Config) fill(f *pflag.Flag) (origin string, err error) {
	s, ok := Describe(f)
	if ok {
		defer func() { c.origins[s.Key] = origin }()
	}
	switch {
	case !ok:
		return "", nil
	case f.Changed:
		c.ranks[s.Key] = fromFlag
		return "flag --" + f.Name, nil
	}
	for _, name := range s.Env {
		if value, ok := c.lookup(name); ok && value != "" {
			c.ranks[s.Key] = fromEnvironment
			return "environment " + name, invalid(set(f, value), f, s, "environment "+name, value)
		}
	}
	if raw := c.viper.Get(s.Key); raw != nil {
		c.ranks[s.Key] = fromFile
		origin := "file " + c.Path
		values := c.values(s.Key, raw)
		if list, ok := f.Value.(pflag.SliceValue); ok {
			return origin, invalid(list.Replace(values), f, s, origin, strings.Join(values, ","))
		}
		if len(values) != 1 {
			return "", fault.New(fault.Invalid, "%s: %s takes one value, not a list", origin, s.Key)
		}
		return origin, invalid(f.Value.Set(values[0]), f, s, origin, values[0])
	}
	return "default", nil
}

// set gives a flag a value from the environment; lists are separated by commas.
func set(f *pflag.Flag, value string) error {
	list, ok := f.Value.(pflag.SliceValue)
	if !ok {
		return f.Value.Set(value)
	}
	values := strings.Split(value, ",")
	for i := range values {
		values[i] = strings.TrimSpace(values[i])
	}
	return list.Replace(values)
}

// values is what the file has at a key: a text, a list, or a table as k=v.
func (c *Config) values(key string, raw any) []string {
	var values []string
	switch raw := raw.(type) {
	case []any:
		for _, v := range raw {
			values = append(values, fmt.Sprint(v))
		}
	case map[string]any:
		table, _ := at(c.tree, strings.Split(key, ".")).(map[string]any) // viper lowers the names' case
		for _, k := range sortedKeys(table) {
			values = append(values, k+"="+fmt.Sprint(table[k]))
		}
	default:
		values = append(values, fmt.Sprint(raw))
	}
	return values
}

func invalid(err error, f *pflag.Flag, s Setting, origin, value string) error {
	if err == nil {
		return nil
	}
	if s.Secret {
		return fault.New(fault.Invalid, "%s: %s cannot be used", origin, s.Key)
	}
	if must := Wanted(f); must != "" {
		return fault.New(fault.Invalid, "%s: %q cannot be %s, which is %s", origin, value, s.Key, must)
	}
	return fault.New(fault.Invalid, "%s: %q cannot be %s: %w", origin, value, s.Key, err)
}

// Wanted says what a flag's value must be, where it is no text.
func Wanted(f *pflag.Flag) string { return wanted[f.Value.Type()] }

var wanted = map[string]string{
	"bool": "true or false", "duration": "a duration like 30m, and not negative", "age": "a time span like 5d or 36h, and not negative",
	"size":   "a number of bytes like 10GiB or 500MB, and not negative",
	"number": "a whole number, 1 or more", "bytes": "a number of bytes like 10GiB or 500MB, and at least 1",
	"int": "a whole number", "int64": "a whole number", "count": "a whole number",
}

func text(f *pflag.Flag) string {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return strings.Join(list.GetSlice(), ",")
	}
	return f.Value.String()
}
