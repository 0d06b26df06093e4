// Package ballast tells by their names the files of an image whose contents no
// cataloger of packages asks for, and that make up much of its bytes.
//
// A file that is wrongly called ballast costs time, and no finding: its layer is
// read again when it is asked for.
package ballast

import "strings"

// Is tells whether the file at that absolute, clean path is ballast by its name.
// A program is none, whatever its name; that is for the caller to tell.
func Is(path string) bool {
	slash := strings.LastIndexByte(path, '/')
	folder, base := path[:slash+1], path[slash+1:]
	dot := strings.LastIndexByte(base, '.')
	if dot < 0 || len(base)-dot > maxExtension {
		return false
	}
	var buffer [maxExtension]byte
	extension := lower(buffer[:0], base[dot:])
	if !extensions[string(extension)] && !compressedManual(folder, string(extension)) {
		return false
	}
	return !asked(folder, base)
}

// maxExtension is longer than any known extension, with its dot.
const maxExtension = 16

func lower(to []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		to = append(to, c)
	}
	return to
}

// compressedManual tells of the pages of manuals, which have the extension of
// things that are read.
func compressedManual(folder, extension string) bool {
	return extension == ".gz" && strings.Contains(folder, "/man/")
}

// asked tells whether a cataloger asks for such a name all the same.
func asked(folder, base string) bool {
	for _, n := range names {
		if n.matches(folder, base) {
			return true
		}
	}
	return false
}

// matches: all that is given must hold.
func (n name) matches(folder, base string) bool {
	return strings.HasPrefix(base, n.begins) && strings.HasSuffix(base, n.ends) &&
		contains(base, n.has) && contains(folder, n.below)
}

func contains(s string, one []string) bool {
	for _, part := range one {
		if strings.Contains(s, part) {
			return true
		}
	}
	return len(one) == 0
}

var extensions = func() map[string]bool {
	all := map[string]bool{}
	for _, g := range groups {
		for _, e := range strings.Fields(g.extensions) {
			all["."+e] = true
		}
	}
	return all
}()
