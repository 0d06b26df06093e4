package analysis

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
)

// recordVersion changes whenever what is kept in the cache is written or read in
// another way.
const recordVersion = 2

// keyOf is a name in the cache: a digest of all parts.
func keyOf(parts ...string) string {
	sum := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(sum, "%d:%s\n", len(p), p)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// fingerprint is of everything that evidence follows from beside the image: the
// program, its rules and the options.
func (o Options) fingerprint() string {
	parts := []string{fmt.Sprint(recordVersion), o.Version, program(), keyOf(o.Retrieve...)}
	if o.Secrets != nil {
		parts = append(parts, "secrets", o.Secrets.Fingerprint())
	}
	if o.Content != nil {
		parts = append(parts, "content", o.Content.Fingerprint())
	}
	return keyOf(parts...)
}

// program tells this program from others: by what it was built from where that
// is certain, else by its file.
var program = sync.OnceValue(func() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ownFile()
	}
	clean := false
	parts := []string{info.GoVersion, info.Main.Version}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision", "CGO_ENABLED", "-tags":
			parts = append(parts, s.Value)
		case "vcs.modified":
			clean = s.Value == "false"
		}
	}
	if !clean {
		parts = append(parts, ownFile())
	}
	for _, m := range info.Deps {
		parts = append(parts, m.Path, m.Version, m.Sum)
	}
	return keyOf(parts...)
})

// ownFile is the size and time of the program's file.
func ownFile() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s %d %d", path, info.Size(), info.ModTime().UnixNano())
}
