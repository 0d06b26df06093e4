package ballast_test

import (
	"context"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	stereofile "github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/cataloging"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/source"
	_ "github.com/glebarez/go-sqlite" // syft reads RPM databases through a driver named sqlite

	"github.com/tidepole/tidepole/analysis/layers/ballast"
)

func TestIs(t *testing.T) {
	tests := map[string]bool{
		"/usr/lib/python3/abc.py": true, "/app/index.js": true, "/app/index.JS": true, "/a/b.min.map": true,
		"/usr/share/man/man1/ls.1.gz": true, "/usr/share/locale/de/LC_MESSAGES/x.mo": true, "/app/LOGO.PNG": true,
		"/app/setup.py": false, "/srv/wp-content/plugins/a/a.php": false, "/srv/a/a.php": true,
		"/usr/lib/node_modules/a/package.json": false, "/usr/lib/node_modules/a/LICENSE.html": false,
		"/usr/lib/python3/site-packages/a-1.dist-info/licenses/x.rst": false,
		"/var/lib/dpkg/info/a.list":                                   false, "/opt/Homebrew/Library/Taps/a/b/Formula/c.rb": false,
		"/usr/share/perl/5.36/Foo.pm": false, "/usr/bin/php8.js": false, "/js": false, "/": false, "/.js": true, "/a.js/b": false,
		"/a.thisisalongextension": false, "/usr/share/doc/linux-modules-6/changelog.Debian.gz": false,
	}
	for name, want := range tests {
		if ballast.Is(name) != want {
			t.Errorf("%s is ballast: %v", name, !want)
		}
	}
}

// TestNothingThatSyftReads runs all of syft's catalogers on an image that has a
// file for whatever they ask for. No ballast may be opened.
func TestNothingThatSyftReads(t *testing.T) {
	all := &everything{opened: map[string]bool{}, kinds: ballast.Extensions()}
	cfg := syft.DefaultCreateSBOMConfig().WithParallelism(2).WithoutFiles().
		WithCatalogerSelection(cataloging.NewSelectionRequest().WithDefaults("all"))
	if _, err := syft.CreateSBOM(t.Context(), all, cfg); err != nil {
		t.Log(err) // an image full of empty files is no good image
	}
	if len(all.globs) < 100 || len(all.opened) < 100 {
		t.Fatalf("catalogers asked for %d patterns, and opened %d files", len(all.globs), len(all.opened))
	}
	for _, name := range slices.Sorted(maps.Keys(all.opened)) {
		if ballast.Is(name) {
			t.Errorf("%s is opened", name)
		}
	}
}

// everything is an image that has all files, and nothing in them.
type everything struct {
	kinds []string

	mu     sync.Mutex
	globs  []string
	opened map[string]bool
}

func (e *everything) ID() artifact.ID                                  { return "everything" }
func (e *everything) Close() error                                     { return nil }
func (e *everything) FileResolver(source.Scope) (file.Resolver, error) { return e, nil }
func (e *everything) Describe() source.Description {
	return source.Description{ID: "everything", Name: "everything", Metadata: source.ImageMetadata{}}
}

func (e *everything) FileContentsByLocation(l file.Location) (io.ReadCloser, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.opened[l.RealPath] = true
	return content{strings.NewReader("")}, nil
}

// content can all that a cataloger may want of it.
type content struct{ *strings.Reader }

func (content) Close() error { return nil }

func (e *everything) FileMetadataByLocation(l file.Location) (file.Metadata, error) {
	return file.Metadata{
		FileInfo: stereofile.ManualInfo{NameValue: path.Base(l.RealPath), ModTimeValue: time.Unix(0, 0)},
		Path:     l.RealPath, Type: stereofile.TypeRegular, MIMEType: "text/plain",
	}, nil
}

func (e *everything) HasPath(string) bool { return true }

func (e *everything) FilesByPath(paths ...string) (found []file.Location, err error) {
	for _, p := range paths {
		found = append(found, file.NewLocation(path.Clean("/"+p)))
	}
	return found, nil
}

func (e *everything) FilesByGlob(patterns ...string) (found []file.Location, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range patterns {
		e.globs = append(e.globs, p)
		for _, name := range e.examples(p) {
			found = append(found, file.NewLocation(path.Clean("/"+name)))
		}
	}
	return found, nil
}

func (e *everything) FilesByMIMEType(...string) ([]file.Location, error) { return nil, nil }

func (e *everything) RelativeFileByPath(_ file.Location, p string) *file.Location {
	l := file.NewLocation(path.Clean("/" + p))
	return &l
}

func (e *everything) AllLocations(context.Context) <-chan file.Location {
	none := make(chan file.Location)
	close(none)
	return none
}

// examples are paths that a pattern matches: with an open end, of all kinds.
func (e *everything) examples(pattern string) (all []string) {
	if before, rest, ok := strings.Cut(pattern, "{"); ok {
		inner, after, _ := strings.Cut(rest, "}")
		for _, one := range strings.Split(inner, ",") {
			all = append(all, e.examples(before+one+after)...)
		}
		return all
	}
	open := strings.HasSuffix(pattern, "*")
	name := strings.NewReplacer("**", "some/folder", "*", "x", "?", "x").Replace(pattern)
	all = []string{name}
	if open {
		for _, kind := range e.kinds {
			all = append(all, name+kind)
		}
	}
	return all
}
