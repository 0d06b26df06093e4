package env

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/tidepole/tidepole/analysis/cache"
	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/formats/fault"
)

// Analysis are the settings of an analysis: wherever images are analysed, by a
// command or by a server, they are the same. Most have no flag.
type Analysis struct {
	Secrets     bool
	SecretsSkip []string
	SecretsSize int64
	ContentSize int64
	Globs       []string
	GlobSize    int64
	ImageBytes  int64
	Layers      int
	Entries     int
	Cache       Cache
	Registry    Registry // one, from the environment; Config has more
}

// Registry is how one registry is reached.
type Registry struct {
	Authority    string `yaml:"authority"` // host with optional port, as in "localhost:5000"
	Username     string `yaml:"username"`
	Password     string `yaml:"password"`
	Token        string `yaml:"token"`
	CA           string `yaml:"ca"` // PEM file
	InsecureHTTP bool   `yaml:"insecure-http"`
	SkipVerify   bool   `yaml:"skip-verify"`
}

// Keys of the file that hold more than one value.
const (
	registriesKey     = "registries"
	secretPatternsKey = "secret-search.additional-patterns"
	searchPatternsKey = "content-search.patterns"
)

// Table is a key of the configuration file that holds more than one value.
type Table struct {
	Key, Usage, Example string
}

// Tables lists them.
func Tables() []Table {
	return []Table{
		{registriesKey, "how single registries are reached; each one's credentials go to it and its token server alone",
			"[{authority: registry.example:5000, username: me, password: …, token: …, ca: ca.pem, insecure-http: false, skip-verify: false}]"},
		{secretPatternsKey, "further secrets to search for: names and regular expressions (RE2)", "{ticket: 'TKT-[0-9]{12}'}"},
		{searchPatternsKey, "what else to search files for: names and regular expressions (RE2)", "{copyright: '(?i)copyright'}"},
	}
}

// TableKeys are the keys of Tables.
func TableKeys() []string {
	var keys []string
	for _, t := range Tables() {
		keys = append(keys, t.Key)
	}
	return keys
}

// Register makes the settings flags of a set that no command shows.
func (a *Analysis) Register(fs *pflag.FlagSet) {
	add := func(key string) { config.Key(fs, key, key) }
	r := &a.Registry
	fs.BoolVar(&a.Secrets, "secret-search.enabled", true, "search for secrets")
	fs.StringSliceVar(&a.SecretsSkip, "secret-search.exclude-pattern-names", nil, "names of secret rules to leave out")
	fs.Int64Var(&a.SecretsSize, "secret-search.skip-files-above-size", 1<<20, "bytes above which a file is not searched for secrets")
	fs.Int64Var(&a.ContentSize, "content-search.skip-files-above-size", 1<<20, "bytes above which a file is not searched for patterns")
	fs.StringSliceVar(&a.Globs, "file-contents.globs", []string{"/etc/passwd"}, "paths of files to keep whole")
	fs.Int64Var(&a.GlobSize, "file-contents.skip-files-above-size", 1<<20, "bytes above which a file is not kept")
	config.Bytes(fs, &a.Cache.MaxBytes, "cache.max-size", cache.DefaultMaxBytes, "what the cache may take on disk, as in 10GiB; 0 is no cache")
	fs.StringVar(&r.Authority, "registry.authority", "", "registry that the other registry settings are for, as in localhost:5000")
	fs.StringVar(&r.Username, "registry.username", "", "user of that registry")
	fs.StringVar(&r.Password, "registry.password", "", "password of that registry")
	fs.StringVar(&r.Token, "registry.token", "", "bearer token of that registry, instead of user and password")
	fs.StringVar(&r.CA, "registry.ca", "", "PEM file of certificates to trust for that registry, besides the system's")
	fs.BoolVar(&r.InsecureHTTP, "registry.insecure-http", false, "speak plain HTTP to that registry")
	fs.BoolVar(&r.SkipVerify, "registry.skip-verify", false, "do not verify that registry's certificate")
	fs.VisitAll(func(f *pflag.Flag) {
		if strings.Contains(f.Name, ".") {
			add(f.Name)
		}
	})
	config.Secret(fs, "registry.password")
	config.Secret(fs, "registry.token")
}

// RegisterHere adds the flags of a command that analyses.
func (a *Analysis) RegisterHere(fs *pflag.FlagSet) {
	a.Cache.register(fs)
	config.BytesLimit(fs, &a.ImageBytes, "max-image-bytes", 64<<30, "what all layers of an image may unpack to, as in 100GiB")
	config.Limit(fs, &a.Entries, "max-entries", 8_000_000, "paths that all layers of an image may have together")
	config.Limit(fs, &a.Layers, "max-layers", 1000, "layers that an image may have")
	config.Key(fs, "max-image-bytes", "limits.image-bytes")
	config.Key(fs, "max-entries", "limits.entries")
	config.Key(fs, "max-layers", "limits.layers")
}

// HereFlags are the flags of RegisterHere.
var HereFlags = []string{"no-cache", "cache-dir", "max-image-bytes", "max-entries", "max-layers"}

// Registries are the one of the environment and those of the file.
func (e *Env) Registries() ([]Registry, error) {
	var all []Registry
	if err := e.Config.Decode(registriesKey, &all); err != nil {
		return nil, err
	}
	if e.Config.Lured("registry.authority", "registry.password", "registry.token") {
		return nil, fault.New(fault.Forbidden, "sign in at the registry %s: %s in the working folder names it, and its credentials are not from there", e.Analysis.Registry.Authority, e.Config.Path).
			WithHint("if you trust the file, name it: -c %s or TIDEPOLE_CONFIG; else set TIDEPOLE_REGISTRY_AUTHORITY", e.Config.Path)
	}
	if one := e.Analysis.Registry; one != (Registry{}) {
		all = append([]Registry{one}, all...)
	}
	for _, r := range all {
		if r.Authority == "" {
			return nil, fault.New(fault.Invalid, "a registry's settings do not say which registry they are for").
				WithHint("set authority: in registries: of the configuration file, or TIDEPOLE_REGISTRY_AUTHORITY")
		}
	}
	return all, nil
}

// SecretPatterns are the user's own expressions for secrets.
func (e *Env) SecretPatterns() (map[string]string, error) { return e.Config.Map(secretPatternsKey) }

// SearchPatterns are the expressions that files are searched for.
func (e *Env) SearchPatterns() (map[string]string, error) { return e.Config.Map(searchPatternsKey) }

// TableValues are the tables of the configuration file, in a few words and
// without any secret.
func (e *Env) TableValues() []config.Value {
	values := []config.Value{{Setting: config.Setting{Key: registriesKey}, Value: e.authorities()}}
	for _, key := range []string{secretPatternsKey, searchPatternsKey} {
		patterns, _ := e.Config.Map(key)
		var names []string
		for name := range patterns {
			names = append(names, name)
		}
		slices.Sort(names)
		values = append(values, config.Value{Setting: config.Setting{Key: key}, Value: strings.Join(names, ",")})
	}
	for i := range values {
		values[i].Origin = "default"
		if values[i].Value != "" {
			values[i].Origin = "file " + e.Config.Path
		}
	}
	return values
}

func (e *Env) authorities() string {
	var all []Registry
	if err := e.Config.Decode(registriesKey, &all); err != nil {
		return "cannot be read"
	}
	var names []string
	for _, r := range all {
		text := r.Authority
		if r.Password != "" || r.Token != "" {
			text = fmt.Sprintf("%s (with credentials)", text)
		}
		names = append(names, text)
	}
	return strings.Join(names, ",")
}
