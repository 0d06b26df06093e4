package config

import "path/filepath"

// DataDir is where a server keeps its data unless it is told otherwise.
func DataDir(lookup func(string) (string, bool)) string {
	return filepath.Join(XDG(lookup, "XDG_DATA_HOME", ".local/share"), "tidepole")
}

// CacheDir is where this user's commands keep what can be fetched again.
func CacheDir(lookup func(string) (string, bool)) string {
	return filepath.Join(XDG(lookup, "XDG_CACHE_HOME", ".cache"), "tidepole")
}
