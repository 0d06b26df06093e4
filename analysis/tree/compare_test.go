package tree_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	stereofile "github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/syft/syft/file"
	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/tree"
)

// comparison asks both resolvers the same and collects the differences.
type comparison struct {
	theirs      file.Resolver
	mine        tree.Resolver
	ids         map[stereofile.ID]stereofile.ID // theirs to mine
	differences []string
	asked       int
}

func compare(squashed *tree.Tree, open tree.Open, theirs file.Resolver) *comparison {
	return &comparison{theirs: theirs, mine: squashed.Resolver(context.Background(), open), ids: map[stereofile.ID]stereofile.ID{}}
}

func (c *comparison) differ(format string, args ...any) {
	c.differences = append(c.differences, fmt.Sprintf(format, args...))
}

func (c *comparison) is(what string, want, got any) {
	c.asked++
	if diff := cmp.Diff(want, got); diff != "" {
		c.differ("%s (-theirs +mine):\n%s", what, diff)
	}
}

func failed(err error) string {
	if err != nil {
		return "fails"
	}
	return ""
}

// locations compares locations in their order, and that the same ones have the
// same references.
func (c *comparison) locations(what string, theirs, mine []file.Location, theirErr, myErr error) {
	show := func(all []file.Location, err error) []string {
		var list []string
		for _, l := range all {
			list = append(list, fmt.Sprintf("%q via %q in %s ref %q", l.RealPath, l.AccessPath, l.FileSystemID, l.Reference().RealPath))
		}
		if err != nil {
			list = append(list, "fails")
		}
		return list
	}
	before := len(c.differences)
	c.is(what, show(theirs, theirErr), show(mine, myErr))
	if len(c.differences) > before {
		if theirErr != nil || myErr != nil {
			c.differ("errors: theirs %v, mine %v", theirErr, myErr)
		}
		return
	}
	for i := range theirs {
		refA, refB := theirs[i].Reference(), mine[i].Reference()
		a, b := refA.ID(), refB.ID()
		if known, ok := c.ids[a]; ok && known != b {
			c.differ("%s: %s has another reference", what, mine[i].RealPath)
		}
		c.ids[a] = b
	}
}

func (c *comparison) byPath(paths ...string) {
	a, errA := c.theirs.FilesByPath(paths...)
	b, errB := c.mine.FilesByPath(paths...)
	c.locations(fmt.Sprintf("FilesByPath(%q)", paths), a, b, errA, errB)
	for _, p := range paths {
		c.is(fmt.Sprintf("HasPath(%q)", p), c.theirs.HasPath(p), c.mine.HasPath(p))
		var list [2][]file.Location
		for i, r := range []file.Resolver{c.theirs, c.mine} {
			if l := r.RelativeFileByPath(file.Location{}, p); l != nil {
				list[i] = append(list[i], *l)
			}
		}
		c.locations(fmt.Sprintf("RelativeFileByPath(%q)", p), list[0], list[1], nil, nil)
	}
}

func (c *comparison) byGlob(patterns ...string) {
	a, errA := c.theirs.FilesByGlob(patterns...)
	b, errB := c.mine.FilesByGlob(patterns...)
	if c.wavers(a, patterns) {
		return
	}
	c.locations(fmt.Sprintf("FilesByGlob(%q)", patterns), a, b, errA, errB)
}

// wavers says whether they answer once so and once so: doublestar loses matches
// of alternatives where folders are not listed in the order of their names, and
// theirs are in none.
func (c *comparison) wavers(first []file.Location, patterns []string) bool {
	if !slices.ContainsFunc(patterns, func(p string) bool { return strings.Contains(p, "{") }) {
		return false
	}
	for range 20 {
		again, _ := c.theirs.FilesByGlob(patterns...)
		if !slices.EqualFunc(first, again, func(a, b file.Location) bool { return name(a) == name(b) }) {
			return true
		}
	}
	return false
}

func (c *comparison) byMIME(kinds ...string) {
	a, errA := c.theirs.FilesByMIMEType(kinds...)
	b, errB := c.mine.FilesByMIMEType(kinds...)
	c.locations(fmt.Sprintf("FilesByMIMEType(%q)", kinds), a, b, errA, errB)
}

// everything compares all locations, what is known of them and what they hold,
// and gives their paths.
func (c *comparison) everything(squashed *tree.Tree) []string {
	all := func(r file.Resolver) []file.Location {
		var list []file.Location
		for l := range r.AllLocations(context.Background()) {
			list = append(list, l)
		}
		slices.SortFunc(list, func(a, b file.Location) int { return strings.Compare(a.RealPath, b.RealPath) })
		return list
	}
	a, b := all(c.theirs), all(c.mine)
	c.locations("AllLocations", a, b, nil, nil)
	var files []tree.File
	if err := squashed.Files(func(f tree.File) error { files = append(files, f); return nil }); err != nil {
		c.differ("Files: %v", err)
	}
	if len(a) != len(b) || len(files) != len(b) {
		c.differ("%d locations, mine %d, %d files", len(a), len(b), len(files))
		return nil
	}
	c.below(a)
	var paths []string
	kinds := map[string]bool{"": true, "no/kind": true}
	for i := range a {
		paths = append(paths, a[i].RealPath)
		kinds[c.metadata(a[i], b[i])] = true
		c.contents(a[i], b[i])
		c.is("order and place of Files", [2]string{a[i].RealPath, a[i].FileSystemID}, [2]string{files[i].Path, files[i].Layer})
		if m, err := c.theirs.FileMetadataByLocation(a[i]); err == nil {
			c.is("Files: "+a[i].RealPath, described(m), describedFile(files[i]))
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		c.byMIME(kind)
	}
	c.byMIME(slices.Collect(maps.Keys(kinds))...)
	return paths
}

// below compares what is found below folders with what there is.
func (c *comparison) below(all []file.Location) {
	tried := map[string]bool{}
	for _, l := range all {
		names := strings.Split(l.RealPath, "/")
		for i := 2; i+1 < len(names); i++ {
			within := "/" + names[i-1] + "/" + names[i] + "/"
			if names[i-1] == "" || tried[within] || len(tried) > 20 {
				continue
			}
			tried[within] = true
			var want, got []string
			for _, l := range all {
				if strings.Contains(l.RealPath, within) {
					want = append(want, l.RealPath)
				}
			}
			for l := range c.mine.Below(context.Background(), names[i-1], names[i]) {
				got = append(got, l.RealPath)
			}
			c.is("below "+within, want, got)
		}
	}
}

type description struct {
	Name, Path, Link, MIME, Mode string
	Size, Time                   int64
	UID, GID                     int
	Type                         stereofile.Type
	Folder                       bool
}

func described(m file.Metadata) description {
	return description{
		Name: m.Name(), Path: m.Path, Link: m.LinkDestination, MIME: m.MIMEType, Mode: m.Mode().String(),
		Size: m.Size(), Time: m.ModTime().UnixNano(), UID: m.UserID, GID: m.GroupID, Type: m.Type, Folder: m.IsDir(),
	}
}

func describedFile(f tree.File) description {
	i := f.Entry.Info()
	name := i.Name()
	if name == "/" {
		name = "."
	}
	return description{
		Name: name, Path: f.Path, Link: f.Entry.Link, MIME: f.Entry.MIME, Mode: i.Mode().String(), Size: i.Size(),
		Time: i.ModTime().UnixNano(), UID: f.Entry.UID, GID: f.Entry.GID, Type: f.Type, Folder: i.IsDir(),
	}
}

func (c *comparison) metadata(a, b file.Location) string {
	x, errX := c.theirs.FileMetadataByLocation(a)
	y, errY := c.mine.FileMetadataByLocation(b)
	c.is("FileMetadataByLocation: "+a.RealPath, failed(errX), failed(errY))
	if errX != nil || errY != nil {
		return ""
	}
	c.is("FileMetadataByLocation: "+a.RealPath, described(x), described(y))
	return x.MIMEType
}

func (c *comparison) contents(a, b file.Location) {
	c.is("FileContentsByLocation: "+a.RealPath, contents(c.theirs, a), contents(c.mine, b))
}

func contents(r file.Resolver, l file.Location) string {
	rc, err := r.FileContentsByLocation(l)
	if err != nil {
		return "fails"
	}
	defer rc.Close()
	data, err := io.ReadAll(rc)
	return string(data) + failed(err)
}

// roads are paths to ask for: those given, what they begin with, and more
// through links.
func roads(paths, names []string) []string {
	all := map[string]bool{"/": true, "": true, ".": true, "..": true, " ": true, "/.": true, "/..": true}
	for _, p := range paths {
		all[p] = true
		for q := p; q != "/"; q = path.Dir(q) {
			all[q] = true
			all[q+"/"] = true
			all[q[1:]] = true
			all["  "+q] = true
			all["."+q] = true
			all[".."+q] = true
			all[q+"/."] = true
			all[q+"/.."] = true
			for _, n := range names {
				all[q+"/"+n] = true
				all[q+"/../"+n] = true
				all[q+"//./"+n+"/"+names[0]] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func (c *comparison) report(t testing.TB, s any) {
	t.Helper()
	if len(c.differences) > 0 {
		t.Errorf("%d differences of %d for %s\n%s", len(c.differences), c.asked, show(s), strings.Join(c.differences[:min(len(c.differences), 4)], "\n"))
	}
}

func show(v any) string {
	s, ok := v.(spec)
	if !ok {
		return fmt.Sprint(v)
	}
	var b strings.Builder
	for i, l := range s {
		fmt.Fprintf(&b, "\nlayer %d:", i)
		for _, e := range l {
			fmt.Fprintf(&b, "\n  %c %q", max(e.flag, '0'), e.name)
			if e.link != "" || e.flag == '1' || e.flag == '2' {
				fmt.Fprintf(&b, " -> %q", e.link)
			}
		}
	}
	return b.String()
}
