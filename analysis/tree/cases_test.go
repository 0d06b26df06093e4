package tree_test

import (
	"archive/tar"
	"fmt"
	"testing"

	"github.com/tidepole/tidepole/analysis/tree"
)

// TestNamedDifficulties compares images that are each about one thing.
func TestNamedDifficulties(t *testing.T) {
	chain := func(links int) []entry {
		l := []entry{f("end", "x")}
		for i := range links {
			to := fmt.Sprintf("l%d", i-1)
			if i == 0 {
				to = "end"
			}
			l = append(l, s(fmt.Sprintf("l%d", i), to))
		}
		return l
	}
	nested := func(links int) []entry { // each link is below the one before
		l := []entry{d("d0"), f("d0/end", "x")}
		for i := range links {
			l = append(l, d(fmt.Sprintf("d%d", i+1)), s(fmt.Sprintf("d%d/in", i+1), fmt.Sprintf("/d%d", i)))
		}
		l = append(l, s("all", fmt.Sprintf("/d%d%s", links, repeat("/in", links))))
		return l
	}
	for _, c := range []struct {
		name  string
		image spec
		globs []string
		paths []string
	}{
		{name: "no layers"},
		{name: "an empty layer", image: spec{{}}},
		{name: "folders that no entry describes", image: spec{{f("a/b/c", "x")}, {f("a/d", "x"), d("a/b")}}, globs: []string{"/a/*", "**/b/*", "/a/b/*"}},
		{name: "an opaque folder", image: spec{{f("a/b", "x"), f("a/c/d", "x"), f("e", "x")}, {f("a/.wh..wh..opq", ""), f("a/n", "x")}}},
		{name: "an opaque root", image: spec{{f("a/b", "x"), f("e", "x")}, {f("n", "x"), f(".wh..wh..opq", "")}}},
		{name: "an opaque folder through a link of the lower layer", image: spec{{d("t"), f("t/x", "x"), s("a", "t")}, {f("a/.wh..wh..opq", "")}}},
		{name: "a folder under the marker's name", image: spec{{f("a/b", "x")}, {d("a/.wh..wh..opq"), f("a/.wh..wh..opq/z", "x")}}},
		{name: "whiteouts", image: spec{{f("a/b", "x"), f("c", "x")}, {f("a/.wh.b", ""), f(".wh.c", ""), f(".wh.none", "")}}},
		{name: "a whiteout of a folder that comes back", image: spec{{f("a/b", "x"), f("a/c", "x")}, {f(".wh.a", ""), f("a/n", "x")}}},
		{name: "a whiteout after its file in the order of names", image: spec{{f("+x/b", "x")}, {f("+x/n", "y"), f(".wh.+x", "")}}},
		{name: "a whiteout of the folder it is in", image: spec{{f("a/b/c", "x")}, {f("a/b/.wh..", ""), f("a/b/z", "x"), f("a/b/+", "x")}}},
		{name: "a whiteout of the folder above", image: spec{{f("a/b/c", "x"), f("a/q", "x")}, {f("a/b/.wh...", ""), f("a/b/z/y", "x")}}},
		{name: "a bare prefix is a file", image: spec{{f("a/.wh.", "x"), f("a/.wh..wh.b", "x")}, {f("a/.wh.", "y")}}},
		{name: "whiteouts in the lowest layer", image: spec{{f("a", "x"), f(".wh.a", ""), f("b/.wh..wh..opq", ""), f("b/c", "x"), d(".wh.d"), f(".wh.d/e", "x")}}},
		{name: "a whiteout through a link of its own layer", image: spec{{f("d/x", "x"), f("d/y", "x")}, {s("s", "d"), f("s/.wh.x", "")}}},
		{name: "a link masked by a folder", image: spec{{f("t/x", "x"), s("a", "t")}, {f("a/y", "y")}}},
		{name: "a folder masked by a link", image: spec{{f("lib/x.py", "x"), f("lib/s/y.py", "x"), d("usr/lib/s"), f("usr/lib/s/z.py", "z")}, {s("lib", "usr/lib")}},
			globs: []string{"**/s/*", "/lib/s/*", "/lib/*.py", "**/lib/**", "/usr/lib/s/*"}},
		{name: "a folder that is only found under its old name", image: spec{{f("o/name/y", "x"), d("o/name")}, {f(".wh.o", ""), f("t/name/z", "x"), s("o", "t")}},
			globs: []string{"**/name/*", "/t/name/*", "/o/name/*"}},
		{name: "a file on a folder and back", image: spec{{f("a/b/c", "x")}, {f("a/b", "f")}, {f("a/b/c", "y")}}},
		{name: "a device on a file", image: spec{{f("a", "x")}, {{name: "a", flag: tar.TypeChar}}, {{name: "b", flag: tar.TypeFifo}, {name: "c", flag: tar.TypeCont, content: "zz"}}}},
		{name: "the same entry twice", image: spec{{f("a", "1"), {name: "a", content: "22", mode: 0o600, uid: 2}}}},
		{name: "a folder twice", image: spec{{d("a"), f("a/b", "x"), {name: "a", flag: tar.TypeDir, mode: 0o700, uid: 3}}}},
		{name: "a file, then a link of its name", image: spec{{f("a", "1"), f("b", "2"), s("a", "b")}}},
		{name: "a link with paths below it, twice", image: spec{{f("t/x", "x"), f("u/y", "y"), s("a", "t"), f("a/z", "z"), s("a", "u")}}, globs: []string{"/a/*", "**/a/*", "/a/z*", "**/z"}},
		{name: "a file below a file", image: spec{{f("a", "x"), f("a/b.py", "y"), f("a/b.py", "z")}}, globs: []string{"/a/*", "/a/*.py", "**/*.py"}},
		{name: "paths below a link, and below what it names", image: spec{{d("t"), f("t/a.py", "1"), f("t/c.py", "1"), s("l", "t"), f("l/a.py", "2"), f("l/b.py", "3")}},
			globs: []string{"/l/*.py", "/t/*.py", "/l/*", "/t/*", "**/*.py", "/l/**", "/t/**", "/**/a.py", "/l/?????"}},
		{name: "a folder below a link, and one where it leads", image: spec{{f("x/t/a.py", "1"), d("x/t"), s("l", "x"), f("l/t/b.py", "2"), d("l/t")}},
			globs: []string{"/l/t/*.py", "/l/t/*", "/x/t/*", "**/t/*.py"}},
		{name: "a folder and a file in each other's place behind a link", image: spec{{s("l", "t"), f("t/d/x", "1"), f("l/d", "2"), f("t/e", "3"), f("l/e/y", "4")}},
			globs: []string{"**/l/**", "/l/**", "/l/**/?", "/l/?/?", "**/l/*/?"}},
		{name: "a link below a link, twice", image: spec{{d("t"), f("x", "x"), f("y", "y"), s("a", "t"), s("a/l", "/x"), s("a/l", "/y"), f("a/f", "1"), f("a/f", "2")}}, globs: []string{"/a/l", "/a/*"}},
		{name: "a name that ends with a blank, on the way", image: spec{{s("l.py ", "m.py"), s("m.py", "t"), f("t", "x")}}, globs: []string{"**/*.py", "/*.py"}},
		{name: "a hard link to an earlier file", image: spec{{f("a", "text"), {name: "b", flag: tar.TypeLink, link: "a", mode: 0o4755, uid: 7}}, {f("a", "changed")}}},
		{name: "a hard link to a later file", image: spec{{h("b", "a"), f("a", "text")}}, globs: []string{"**/b", "**/a"}},
		{name: "a hard link to a missing file", image: spec{{h("b", "a")}}, globs: []string{"/b"}},
		{name: "a hard link to a file of a lower layer", image: spec{{f("a", "text")}, {h("b", "a")}}, globs: []string{"/b", "/?"}},
		{name: "hard links in a row", image: spec{{f("a", "text"), h("b", "a"), h("c", "/b"), h("d/e", "./c")}}},
		{name: "hard links in a row from nothing", image: spec{{h("b", "a"), h("c", "b"), f("a", "late"), h("e", "c")}}},
		{name: "a hard link to a symbolic link", image: spec{{d("x"), f("x/t", "t"), f("t", "other"), s("x/l", "t"), h("m", "x/l")}}},
		{name: "a hard link to a folder", image: spec{{d("x"), f("x/t", "t"), h("m", "x")}}, globs: []string{"/m/*", "**/t"}},
		{name: "a hard link through a link", image: spec{{d("x"), f("x/t", "t"), s("l", "x"), h("m", "l/t")}}},
		{name: "a hard link to itself", image: spec{{f("a", "x"), h("a", "a")}}},
		{name: "a hard link to the root", image: spec{{h("a", "/"), h("b", "")}}, globs: []string{"/a/*", "/b"}},
		{name: "a hard link with paths below it", image: spec{{h("a", "none"), f("a/b", "x"), f("t", "t"), h("a", "t")}}},
		{name: "a hard link to a device", image: spec{{{name: "a", flag: tar.TypeBlock}, h("b", "a")}}},
		{name: "links in a circle", image: spec{{s("a", "b"), s("b", "a"), s("c", "c"), s("d", "d/x"), f("e/f", "x"), s("e/g", "../e")}}, globs: []string{"**/f", "/e/g/g/f", "/e/g/g/g/*", "/e/**", "/a/*", "**/d/*"}},
		{name: "a circle through folders", image: spec{{f("a/x", "1"), s("a/up", ".."), s("a/b", "/a/up/a/b")}}, globs: []string{"/**/x", "/a/up/a/*", "/a/**/x?", "/*/*/*/x"}},
		{name: "98 links in a row", image: spec{chain(98)}, paths: []string{"/l97"}, globs: []string{"/l*7"}},
		{name: "99 links in a row", image: spec{chain(99)}, paths: []string{"/l98", "/l97"}, globs: []string{"/l*8"}},
		{name: "100 links in a row", image: spec{chain(100)}, paths: []string{"/l99", "/l98"}, globs: []string{"/l*"}},
		{name: "links through links", image: spec{nested(5)}, globs: []string{"/all/*", "**/end", "/d3/in/*"}},
		{name: "links through links, too many", image: spec{nested(40)}, paths: []string{"/all", "/all/end", "/d9/in/in/in/end"}},
		{name: "absolute links that are not clean", image: spec{{f("d/y", "y"), d("d/e"), s("x", "d/e"), s("l", "/x/../y"), s("m", "/x/./../e/"), s("n", "//d//y/"), s("o", "/x/"), s("p", "/d/../../d/y"), s("q", "/none/../d/y")}},
			globs: []string{"/l", "/m/*", "/?", "**/y"}},
		{name: "relative links out of the root", image: spec{{f("a", "x"), s("b/c", "../../../a"), s("d", ".."), s("e", ""), s("b/f", "")}}, globs: []string{"/d/a", "/b/f/c", "**/a"}},
		{name: "a merged /usr", image: spec{
			{d("usr"), d("usr/lib"), d("usr/bin"), s("lib", "usr/lib"), s("bin", "usr/bin"), f("usr/lib/a.so", "x"), f("usr/bin/x", "x"), s("usr/bin/y", "x"), s("usr/lib/alias.so", "/lib/a.so")},
			{f("usr/lib/q/package.json", "{}"), s("usr/lib/q/up", "..")},
		}, globs: []string{"/lib/*.so", "/usr/lib/*.so", "**/*.so", "/lib/q/package.json", "/lib/**/package.json", "**/lib/*.so", "/bin/?", "/bin/*", "**/bin/*", "/lib/q/*", "/usr/lib/q/up/*.so", "/usr/../{bin/x,none}", "/lib/../{bin/x,lib/q/package.json}"}},
		{name: "a link that passes one in the folder", image: spec{{f("t", "x"), d("dir"), s("dir/license-b", "/t"), s("a/license-a", "/dir/license-b"), s("z/license-z", "/dir/license-b"), s("a/other", "/dir/license-b")}},
			globs: []string{"/dir/*licen*", "/dir/*", "/dir/{license-b,x}", "**/*licen*", "/z/*licen*"}},
		{name: "links to one file", image: spec{{f("t/real.py", "x"), s("t/a.py", "real.py"), s("a.py", "t/real.py"), s("z.py", "t/a.py")}}, globs: []string{"/*.py", "/t/*.py", "**/*.py", "**/a.py", "**/z.py", "/t/a*"}},
		{name: "dead links", image: spec{{s("a", "none"), s("b/c", "/none/x"), d("q"), s("n", "q/none"), f("q/x", "x")}}, globs: []string{"/a", "**/c", "/?", "/n/*"}},
		{name: "a link to a folder no entry describes", image: spec{{f("a/b/c.py", "x"), s("l", "a/b")}}, globs: []string{"/l/*", "/l/*.py", "**/l/*", "/l", "**/b/*"}},
		{name: "a folder's mode on a file", image: spec{{{name: "a", content: "x", mode: 0o40755}, h("b", "a"), {name: "c", flag: tar.TypeSymlink, link: "a", mode: 0o40777}}}},
		{name: "names with blanks, stars and brackets", image: spec{{f(" a", "x"), f("b ", "x"), f("c*", "x"), f("d[e]", "x"), f("{f,g}", "x"), f("h.py ", "x"), f("i.", "x"), f(".py", "x"), f("j\\k", "x"), f("   ", "x"), f("a/  /b.py", "x")}},
			globs: []string{"/*.py", "/c\\*", "/d\\[e\\]", "/d[[]*", "/\\{f,g\\}", "/j\\k", "/j\\\\k", "/*.", "/*.py ", "**/ a", "/ a", "/b ", "/b ?", "/?a"}},
		{name: "names with many dots", image: spec{{f("x/a.tar.gz", "x"), f("x/..b.gz", "x"), f("x/.gz", "x"), f("x/a..gz", "x"), f("x/a.gz.", "x"), f("x/a.b.c.d", "x")}},
			globs: []string{"**/*.gz", "**/*.tar.gz", "/x/*.gz", "/x/*..gz", "**/*.b.c.d", "**/*.c.d", "**/*.", "/x/*.gz."}},
		{name: "names that are no text", image: spec{{f("a\xff", "x"), f("b\xff.py", "x"), f("é.py", "x"), f("xé", "x")}}, globs: []string{"/a\xff", "/a*", "/b?.py", "/*.py", "/?.py", "/*\xa9", "/x?", "/a\xff*", "**/a\xff*", "**/b\xff.*"}},
		{name: "folders that are no text", image: spec{{f("a\xff/b.py", "x"), f("a\ufffd/b.py", "x"), d("a\xff"), d("a\ufffd")}},
			globs: []string{"/a\xff/*.py", "/a\ufffd/*", "/a\ufffd/?.py", "**/a\xff/\\b*", "/a\xfe/[b].py", "**/a\xfe/{b.py,c/*}"}},
		{name: "an entry for the root", image: spec{{d("./"), f("a", "x")}, {f("b", "x")}}, globs: []string{"/", "/*", "/**", "**"}},
		{name: "folders with like names", image: spec{{f("a/x", "x"), f("a-b/x", "x"), f("a-/x", "x"), f("a.b/x", "x"), d("a"), d("a-"), f("a!", "x"), f("a0", "x"), f("a/x/y", "x")}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			same(t, c.image, "linux", c.globs, c.paths)
		})
	}
}

// TestWindows compares images whose hard links may name files of lower layers.
func TestWindows(t *testing.T) {
	lowest := []entry{d("Files"), d("Files/W"), f("Files/W/a.dll", "one"), f("Files/W/B.dll", "two"), s("Files/L", "W"), f("other", "x"),
		h("Files/W/h.dll", "Files/W/a.dll"), {name: "UtilityVM/Files/k", content: "vm", mode: 0o755}, d("UtilityVM"), s("Files/W/s", "a.dll"), f("Files/W/.wh.q", "")}
	for _, c := range []struct {
		name  string
		above spec
	}{
		{"a file of the layer below", spec{{h("Files/x.dll", "Files/W/a.dll"), h("Files/y.dll", "Files/x.dll"), h("Files/z.dll", "Files/none")}}},
		{"a file two layers below", spec{{f("Files/W/other", "")}, {h("Files/x.dll", "Files/W/a.dll")}}},
		{"one that a whiteout hides", spec{{f("Files/W/.wh.a.dll", "")}, {h("Files/x.dll", "Files/W/a.dll")}}},
		{"another case", spec{{h("Files/x.dll", "Files/W/b.dll")}, {f("Files/w/A.DLL", "")}, {h("Files/z.dll", "Files/W/a.dll")}}},
		{"two of one name", spec{{f("Files/W/c", ""), f("Files/w/C", "")}, {h("Files/x.dll", "Files/W/c"), h("Files/y.dll", "Files/W/a.dll")}}},
		{"through a link", spec{{h("Files/x.dll", "Files/L/a.dll")}}},
		{"a link", spec{{h("Files/x", "Files/W/s"), h("Files/W/x", "Files/W/s")}}},
		{"a hard link", spec{{h("Files/x", "Files/W/h.dll")}, {h("Files/y", "Files/x")}}},
		{"a folder", spec{{h("Files/x", "Files/W")}}},
		{"outside of Files", spec{{h("x", "Files/W/a.dll"), h("Files/x", "other"), h("Files/y", "Files/../other"), h("Files/z", `Files\W\a.dll`)}}},
		{"the utility VM", spec{{h("UtilityVM/Files/x", "UtilityVM/Files/k"), h("Files/x", "UtilityVM/Files/k")}, {f("UtilityVM/Files/.wh.k", "")}, {h("UtilityVM/Files/y", "UtilityVM/Files/k")}}},
		{"a later file of the utility VM", spec{{h("UtilityVM/Files/x", "UtilityVM/Files/k"), f("UtilityVM/Files/k", "later")}}},
		{"a later entry at the path", spec{{h("Files/x", "Files/W/a.dll"), f("Files/x", "mine")}, {h("Files/y", "Files/W/a.dll"), f("Files/y/below", "")}}},
		{"a later file of the layer", spec{{h("Files/x", "Files/W/a.dll"), f("Files/W/a.dll", "later")}}},
		{"the folder of a whiteout", spec{{f("Files/W/.wh..", ""), h("Files/x", "Files/W/a.dll")}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			same(t, append(spec{lowest}, c.above...), "windows", nil, nil)
		})
	}
	same(t, spec{append(lowest, f("Files/W/.wh..", ""), f("Files/.wh.W", ""))}, "windows", nil, nil)
}

// same compares an image in every way.
func same(t *testing.T, image spec, os string, more, paths []string) {
	t.Helper()
	var options []tree.Option
	if os == "windows" {
		options = append(options, tree.Windows())
	}
	tars := image.tars(t)
	squashed, open := mine(t, tars, options...)
	resolver, err := theirs(t, tars, os)
	if err != nil {
		t.Fatal(err)
	}
	c := compare(squashed, open, resolver)
	all := c.everything(squashed)
	for _, p := range roads(append(all, paths...), []string{"a", "x", "in"}) {
		c.byPath(p)
	}
	for _, g := range append(more, globs...) {
		c.byGlob(g)
	}
	for _, p := range all {
		c.byGlob(p + "*")
	}
	c.byGlob(more...)
	c.files(squashed, more...)
	c.files(squashed, globs[4:]...)
	c.report(t, image)
}

func repeat(s string, n int) string {
	all := ""
	for range n {
		all += s
	}
	return all
}
