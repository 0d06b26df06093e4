package analysis

import (
	"crypto/rand"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"sync"
)

// recordVersion changes whenever what is kept in the cache is written or read in
// another way.
const recordVersion = 4

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
// is certain, else by what its file holds.
var program = sync.OnceValue(func() string {
	info, ok := debug.ReadBuildInfo()
	return programOf(info, ok, ownFile)
})

func programOf(info *debug.BuildInfo, ok bool, ownFile func() string) string {
	if !ok {
		return ownFile()
	}
	clean := false
	parts := []string{info.GoVersion, info.Main.Version}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision", "CGO_ENABLED", "-tags", "GOOS", "GOARCH":
			parts = append(parts, s.Key, s.Value)
		case "vcs.modified":
			clean = s.Value == "false"
		}
	}
	for _, m := range info.Deps {
		for ; m != nil; m = m.Replace {
			parts = append(parts, m.Path, m.Version, m.Sum)
			if m.Replace == nil && m.Sum == "" {
				clean = false // a folder, which may hold anything
			}
		}
	}
	if !clean {
		parts = append(parts, ownFile())
	}
	return keyOf(parts...)
}

// ownFile is the build ID of the program's file, which Go makes of all that is in
// it, or else the digest of the file.
func ownFile() string {
	f, err := os.Open("/proc/self/exe") // the file that runs, even if there is another one by its name now
	if err != nil {
		var path string
		if path, err = os.Executable(); err == nil {
			f, err = os.Open(path)
		}
	}
	if err != nil {
		return neverAgain()
	}
	defer f.Close()
	if id := buildID(f); id != "" {
		return "build " + id
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return neverAgain()
	}
	return "file " + hex.EncodeToString(sum.Sum(nil))
}

// neverAgain is of a program of which nothing can be told: what it keeps is for
// this process alone.
func neverAgain() string { return "process " + rand.Text() }

// buildID is the build ID of an ELF file that Go linked; "" where it has none.
func buildID(r io.ReaderAt) string {
	f, err := elf.NewFile(r)
	if err != nil {
		return ""
	}
	section := f.Section(".note.go.buildid")
	if section == nil || section.Size > 4096 {
		return ""
	}
	note, err := section.Data()
	const head = 12 // the lengths of name and ID, and a type
	const name = "Go\x00\x00"
	if err != nil || len(note) < head+len(name) || string(note[head:head+len(name)]) != name {
		return ""
	}
	id := note[head+len(name):]
	if n := f.ByteOrder.Uint32(note[4:]); uint64(n) <= uint64(len(id)) {
		return string(id[:n])
	}
	return ""
}
