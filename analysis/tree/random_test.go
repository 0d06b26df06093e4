package tree_test

import (
	"archive/tar"
	"flag"
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/tidepole/tidepole/analysis/tree"
)

var (
	seed  = flag.Uint64("seed", 0, "the one random image to compare, as a failure printed it")
	cases = flag.Int("cases", 400, "random images to compare")
)

// TestRandomImages compares images made of few names and many kinds of entries.
func TestRandomImages(t *testing.T) {
	first, count := uint64(time.Now().UnixNano()), *cases
	if *seed != 0 {
		first, count = *seed, 1
	}
	if testing.Short() {
		count = 50
	}
	refused, asked := 0, 0
	for i := range uint64(count) {
		n := first + i
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			r := rand.New(rand.NewPCG(n, 1))
			s := randomSpec(r)
			os, options := "linux", []tree.Option(nil)
			if r.IntN(6) == 0 {
				os, options = "windows", []tree.Option{tree.Windows()}
				s.forWindows(r)
			}
			tars := s.tars(t)
			squashed, open := mine(t, tars, options...)
			resolver, err := theirs(t, tars, os)
			if err != nil {
				refused++ // then at least it answers, and the same each time
				resolver = squashed.Resolver(t.Context(), open)
			}
			c := compare(squashed, open, resolver)
			c.everything(squashed)
			var paths []string
			for _, l := range s {
				for _, e := range l {
					paths = append(paths, "/"+strings.Trim(e.name, "/."))
				}
			}
			roads := roads(paths, plainNames)
			r.Shuffle(len(roads), func(i, j int) { roads[i], roads[j] = roads[j], roads[i] })
			for _, p := range roads[:min(len(roads), 300)] {
				c.byPath(p)
			}
			c.byPath(roads...)
			for range 120 {
				c.byGlob(randomGlob(r))
			}
			c.byGlob(randomGlob(r), randomGlob(r), randomGlob(r))
			for _, p := range globs {
				c.byGlob(p)
				if r.IntN(10) == 0 {
					c.files(squashed, p, randomGlob(r))
				}
			}
			asked += c.asked
			if len(c.differences) > 0 {
				t.Logf("-run TestRandomImages -seed %d", n)
			}
			c.report(t, s)
		})
		if t.Failed() {
			break
		}
	}
	t.Logf("from seed %d: %d images, %d refused by stereoscope, %d questions", first, count, refused, asked)
}

var (
	plainNames = []string{"a", "b", "c", " a", "a.py", "b.tar.gz", "a-b", ".a", "+x", "é", "lib"}
	goneNames  = []string{".wh.a", ".wh.b", ".wh.lib", ".wh.a.py", ".wh..wh..opq", ".wh.", ".wh..", ".wh...", ".wh.+x", ".wh..wh.a", ".wh.-"}
	links      = []string{"a", "b", "lib", "../a", "../../b", "../lib", ".", "..", "", "/", "/a", "/b", "/lib", "/a/b", "/a/../b", "/lib/", "/b/", "//a", "/a/b/", "a/..", "./a", "/a/./lib", "missing", "/lib/a/b", "../c/lib", "/é"}
)

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

func randomSpec(r *rand.Rand) spec {
	var s spec
	var known []string
	// An image often has but a few names, so that they collide.
	names := make([]string, 2+r.IntN(4))
	for i := range names {
		names[i] = pick(r, plainNames)
	}
	trouble := r.IntN(3) // how much of what stereoscope may refuse
	for range 1 + r.IntN(4) {
		var l []entry
		for range r.IntN(16) {
			var parts []string
			if len(known) > 0 && r.IntN(3) > 0 {
				parts = append(parts, pick(r, known))
			}
			for range 1 + r.IntN(3) {
				parts = append(parts, pick(r, names))
			}
			if len(s) > 0 && r.IntN(4) == 0 || r.IntN(25) == 0 {
				parts[len(parts)-1] = pick(r, goneNames)
				if r.IntN(2) == 0 {
					parts[len(parts)-1] = ".wh." + pick(r, names)
				}
			}
			name := strings.Join(parts, "/")
			if r.IntN(6) == 0 && len(known) > 0 {
				name = pick(r, known)
			}
			e := entry{name: name, content: pick(r, []string{"", "text", "#!/bin/sh\n", "\x7fELF\x02\x01\x01"}), mode: int64(r.IntN(0o10000)), uid: r.IntN(3)}
			switch r.IntN(14) {
			case 0, 1, 2:
				e = entry{name: name, flag: tar.TypeDir, mode: 0o755, uid: r.IntN(3)}
			case 3, 4, 5, 6:
				e = entry{name: name, flag: tar.TypeSymlink, link: pick(r, links), mode: 0o777}
				if r.IntN(2) == 0 && len(known) > 0 {
					e.link = "/" + pick(r, known)
				}
			case 7, 8:
				e = entry{name: name, flag: tar.TypeLink, link: pick(r, links), mode: int64(r.IntN(0o10000))}
				if r.IntN(4) > 0 && len(known) > 0 {
					e.link = pick(r, known)
				}
			case 9:
				e = entry{name: name, flag: []byte{tar.TypeChar, tar.TypeBlock, tar.TypeFifo, tar.TypeCont}[r.IntN(4)], mode: 0o600}
			case 10:
				e.mode |= 0o40000 // a folder by its mode
			}
			if trouble == 0 && strings.Contains(name, ".wh..") && !strings.Contains(name, "opq") {
				continue
			}
			if e.flag != tar.TypeSymlink && e.flag != tar.TypeLink || trouble > 0 || r.IntN(3) == 0 {
				known = append(known, name)
			}
			if e.flag == tar.TypeDir && r.IntN(2) == 0 {
				e.name += "/"
			}
			e.name = pick(r, []string{"", "", "./", "/"}) + e.name
			if !contradicts(l, e) || r.IntN(40) == 0 {
				l = append(l, e)
			}
		}
		if r.IntN(8) == 0 {
			l = append(l, d("./"))
		}
		s = append(s, l)
	}
	return s
}

// forWindows moves all to where the links of Windows may lead to lower layers.
func (s spec) forWindows(r *rand.Rand) {
	under := func(p string) string {
		if p == "" || r.IntN(12) == 0 {
			return p
		}
		return strings.TrimPrefix(pick(r, []string{"/Files", "/Files", "/Files", "/UtilityVM/Files"})+path.Clean("/"+p), "/")
	}
	for _, l := range s {
		for i, e := range l {
			l[i].name = under(e.name)
			if e.flag == tar.TypeLink {
				l[i].link = under(e.link)
			}
		}
	}
}

// contradicts says whether stereoscope refuses an entry because of an earlier
// one of the layer that is below it.
func contradicts(l []entry, e entry) bool {
	p := path.Clean("/" + e.name)
	below, flag := false, byte(tar.TypeDir) // of what is there
	for _, o := range l {
		q := path.Clean("/" + o.name)
		below = below || strings.HasPrefix(q, p+"/")
		if q == p {
			flag = o.flag
		}
	}
	return below && e.flag != flag
}

func randomGlob(r *rand.Rand) string {
	var b strings.Builder
	b.WriteString(pick(r, []string{"/", "**/", "", "/**/", " /", "//"}))
	for i := range 1 + r.IntN(4) {
		if i > 0 {
			b.WriteString("/")
		}
		switch r.IntN(12) {
		case 0:
			b.WriteString("**")
		case 1:
			b.WriteString("*")
		case 2:
			b.WriteString("*" + pick(r, []string{".py", ".gz", ".tar.gz", "a", "b*", "ib", ".", ".*", "?", "**", "é"}))
		case 3:
			b.WriteString(pick(r, []string{"?", "a*", "l?b", "a**", "*i*", "??", "a?*", "[ab]", "[!a]*", "[a-c]", "*[", "{", "}", "a]", "[a/b]"}))
		case 4:
			b.WriteString("{" + pick(r, plainNames) + "," + pick(r, []string{"a", "b*", "*", "lib/*", "", "*.py", "?"}) + "}")
		case 5:
			b.WriteString(pick(r, []string{"{a,b}.py", "{a,{b,lib}}", "\\a", "a\\*", "l{i,a}b", "{a}", "{a,b}*", ".", "..", ".wh.a", ".wh..wh..opq", "\xff*"}))
		default:
			b.WriteString(pick(r, plainNames))
		}
	}
	b.WriteString(pick(r, []string{"", "", "", "", "/", "/*", "/**", "/**/*", " "}))
	return b.String()
}

// globs are kinds of patterns that syft's catalogers ask for, in the names of
// the random images.
var globs = []string{
	"", "/", "*", "**", "**/*", "/*", "/**", "/**/*", "**/**", "/a/*", "/lib/*", "/a/b/*", "/lib/a/*", "**/lib/*", "**/a/*",
	"**/lib/**", "/lib/**", "**/*a*/**", "/a/**/*.py", "**/a/**/lib", "**/*.py", "**/*.tar.gz", "**/*.gz", "/lib/*.py", "/a/*.gz",
	"**/a", "/lib/a*", "/a/*b*", "/a/*a", "**/*lib", "**/lib/{a,b/*}", "**/{a,b}", "/a/{a,b}", "/lib/{a*,b}", "**/*a/a.py", "**/a*",
	"**/?", "/a/?*", "**/[ab]", "/lib/[!b]", "/*/a", "/*/*/*", "/a", "/lib/a", "a/b", "**/.a", "**/+x", "/+x/*", "/é/*", "**/é*", "*.*", "**/*.",
}
