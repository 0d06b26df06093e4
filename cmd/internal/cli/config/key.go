// Package config finds the value of every setting: flag over environment over
// file over default.
//
// A setting is a flag with a key. The key is its place in the file, as in
// "image.from", and gives its name in the environment, TIDEPOLE_IMAGE_FROM.
// Settings that have no place on a command line, as passwords have none, are
// flags of a set that no command shows.
package config

import (
	"strings"

	"github.com/spf13/pflag"
)

// Prefix begins the names of all settings in the environment.
const Prefix = "TIDEPOLE_"

const (
	keyNote    = "tidepole/key"
	envNote    = "tidepole/env"
	secretNote = "tidepole/secret"
	hiddenNote = "tidepole/no-flag"
)

// Key gives a flag its key, and further names in the environment besides the
// one that follows from the key.
func Key(fs *pflag.FlagSet, flag, key string, env ...string) {
	f := fs.Lookup(flag)
	if f == nil {
		panic("config: no flag --" + flag)
	}
	note(f, keyNote, key)
	note(f, envNote, append([]string{EnvName(key)}, env...)...)
}

// Secret marks a flag whose value is never shown.
func Secret(fs *pflag.FlagSet, flag string) { note(fs.Lookup(flag), secretNote, "true") }

// NoFlag marks all flags of a set as settings that no command line takes.
func NoFlag(fs *pflag.FlagSet) {
	fs.VisitAll(func(f *pflag.Flag) { note(f, hiddenNote, "true") })
}

func note(f *pflag.Flag, name string, values ...string) {
	if f.Annotations == nil {
		f.Annotations = map[string][]string{}
	}
	f.Annotations[name] = values
}

// EnvName is the name in the environment that follows from a key.
func EnvName(key string) string {
	return Prefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(key))
}

// Setting describes a flag that has a key.
type Setting struct {
	Key     string
	Env     []string
	Flag    string // "--from", or "" where there is none
	Default string
	Usage   string
	Secret  bool
}

// Describe is the setting that a flag stands for, if it stands for one.
func Describe(f *pflag.Flag) (Setting, bool) {
	key := f.Annotations[keyNote]
	if len(key) == 0 {
		return Setting{}, false
	}
	s := Setting{
		Key: key[0], Env: f.Annotations[envNote], Default: f.DefValue,
		Usage: f.Usage, Secret: len(f.Annotations[secretNote]) > 0,
	}
	if len(f.Annotations[hiddenNote]) == 0 {
		s.Flag = "--" + f.Name
	}
	if _, isList := f.Value.(pflag.SliceValue); isList {
		s.Default = strings.Trim(s.Default, "[]")
	}
	return s, true
}
