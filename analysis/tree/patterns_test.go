package tree_test

import (
	_ "embed"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
)

//go:embed testdata/cataloger-globs.txt
var globList string

// catalogerGlobs are the patterns of the catalogers of syft 1.57.0.
func catalogerGlobs() []string { return strings.Fields(globList) }

// TestCatalogerPatterns asks for all that syft's catalogers ask for, of an image
// that has something for each, also behind links.
func TestCatalogerPatterns(t *testing.T) {
	fill := strings.NewReplacer("**/", "opt/deep/", "**", "deep/end", "*", "any", "?", "q", "{", "", "[", "", "]", "")
	lower := []entry{d("usr/lib"), s("lib", "usr/lib"), d("opt"), s("srv", "opt/deep"), s("opt/deep/again", ".."), d("opt/deep/lib")}
	upper := []entry{f("etc/os-release", "ID=debian")}
	seen := map[string]bool{"/lib": true}
	for i, g := range catalogerGlobs() {
		for _, p := range []string{fill.Replace(g), strings.ReplaceAll(fill.Replace(g), "opt/deep", "usr/lib/other")} {
			before, _, cut := strings.Cut(p, ",")
			if p = strings.Trim(strings.TrimSuffix(before, "}"), "/"); cut {
				p = strings.ReplaceAll(p, "}", "")
			}
			if seen[p] || p == "" || strings.HasPrefix(p, "lib/") {
				continue
			}
			seen[p] = true
			lower = append(lower, f(p, "x"))
			if i%5 == 0 {
				upper = append(upper, f(p, "y"))
			}
			if i%3 == 0 {
				upper = append(upper, s("var/links/l"+strings.ReplaceAll(p, "/", "-"), "/"+p))
			}
		}
	}
	above := map[string]bool{} // no file is a folder too
	for _, e := range append(slices.Clone(lower), upper...) {
		for p := path.Dir(e.name); p != "."; p = path.Dir(p) {
			above[p] = true
		}
	}
	isFolder := func(e entry) bool { return e.flag == 0 && above[e.name] }
	same(t, spec{slices.DeleteFunc(lower, isFolder), slices.DeleteFunc(upper, isFolder)}, "linux", catalogerGlobs(), nil)
}

// like is an image of about that many paths, like those of Debian with programs
// of several ecosystems.
func like(paths int) spec {
	base := []entry{d("usr"), d("usr/lib"), d("usr/bin"), s("lib", "usr/lib"), s("bin", "usr/bin"), s("sbin", "usr/sbin"), d("var/lib/dpkg/info")}
	for i := range paths / 20 {
		base = append(base, f(fmt.Sprintf("usr/share/doc/pkg%d/copyright", i), "x"), f(fmt.Sprintf("var/lib/dpkg/info/pkg%d.md5sums", i), "x"),
			f(fmt.Sprintf("var/lib/dpkg/info/pkg%d.list", i), "x"), s(fmt.Sprintf("usr/lib/lib%d.so", i), fmt.Sprintf("lib%d.so.1", i)),
			f(fmt.Sprintf("usr/lib/lib%d.so.1", i), "x"), f(fmt.Sprintf("usr/bin/tool%d", i), "x"))
	}
	var node []entry
	for i := range paths * 7 / 10 / 10 {
		dir := fmt.Sprintf("usr/lib/node_modules/app/node_modules/mod%d", i)
		node = append(node, d(dir), f(dir+"/package.json", "{}"), f(dir+"/LICENSE", "x"))
		for j := range 7 {
			node = append(node, f(fmt.Sprintf("%s/lib/part-%d.js", dir, j), "x"))
		}
	}
	return spec{base, node, {f("usr/lib/node_modules/app/node_modules/mod1/.wh.LICENSE", ""), f("etc/os-release", "ID=debian")}}
}
