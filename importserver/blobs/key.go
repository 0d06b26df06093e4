package blobs

import (
	"strings"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
)

// Key names a blob.
type Key struct {
	Digest string // of its bytes, unpacked
	// Generation tells one keeping of these bytes from one before, which was
	// deleted: 16 hex digits, or "" as the first version had it. Who makes one
	// sees to it that there is no other like it.
	Generation string
}

const suffix = ".zst"

// Name is where a blob lies below its place: spread over 256 folders.
func (k Key) Name() (string, error) {
	if !reference.IsDigest(k.Digest) {
		return "", fault.New(fault.Invalid, "%.100q is not a digest", k.Digest)
	}
	sum := strings.TrimPrefix(k.Digest, "sha256:")
	name := "sha256/" + sum[:2] + "/" + sum
	if k.Generation != "" {
		if !isGeneration(k.Generation) {
			return "", fault.New(fault.Invalid, "%.100q is not a blob's generation", k.Generation)
		}
		name += "." + k.Generation
	}
	return name + suffix, nil
}

func isGeneration(s string) bool {
	return len(s) == 16 && strings.Trim(s, "0123456789abcdef") == ""
}

// ParseName is the inverse of Key.Name.
func ParseName(name string) (Key, bool) {
	file := name[strings.LastIndexByte(name, '/')+1:]
	sum, generation, _ := strings.Cut(strings.TrimSuffix(file, suffix), ".")
	k := Key{Digest: "sha256:" + sum, Generation: generation}
	same, err := k.Name()
	return k, err == nil && same == name
}

// unfinished tells of what a folder's file is the beginning: those being written are
// called NAME.TIME.tmp, the time in hex digits.
func unfinished(file string) (name string, ok bool) {
	rest, ok := strings.CutSuffix(file, ".tmp")
	dot := strings.LastIndexByte(rest, '.')
	if !ok || dot < 0 || dot == len(rest)-1 || strings.Trim(rest[dot+1:], "0123456789abcdef") != "" {
		return "", false
	}
	return rest[:dot], true
}

func mismatch(k Key, staged *Staged) error {
	return fault.New(fault.Invalid, "keep %s: what was staged has the digest %s", k.Digest, staged.Digest)
}
