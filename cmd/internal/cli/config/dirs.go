package config

import "path/filepath"

// DataDir is where a server keeps its data unless it is told otherwise; "" where
// the user has no home.
func DataDir(lookup func(string) (string, bool)) string {
	return below(XDG(lookup, "XDG_DATA_HOME", ".local/share"))
}

// CacheDir is where this user's commands keep what can be fetched again; "" where
// the user has no home.
func CacheDir(lookup func(string) (string, bool)) string {
	return below(XDG(lookup, "XDG_CACHE_HOME", ".cache"))
}

func below(dir string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "tidepole")
}
