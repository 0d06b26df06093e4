package integration_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// environment are the functions that read the environment, by package.
var environment = map[string][]string{
	"os":      {"Getenv", "LookupEnv", "Environ", "ExpandEnv"},
	"syscall": {"Getenv", "Environ"},
}

// readsEnvironment names the functions by which a source file reads the environment.
func readsEnvironment(file string, source any) ([]string, error) {
	f, err := parser.ParseFile(token.NewFileSet(), file, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	imported := map[string]string{} // by the name it has in the file
	var found []string
	for _, i := range f.Imports {
		path, _ := strconv.Unquote(i.Path.Value)
		local := path[strings.LastIndexByte(path, '/')+1:]
		if i.Name != nil {
			local = i.Name.Name
		}
		if local == "." && environment[path] != nil {
			found = append(found, "everything of "+path)
		}
		imported[local] = path
	}
	ast.Inspect(f, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := s.X.(*ast.Ident); ok && slices.Contains(environment[imported[x.Name]], s.Sel.Name) {
			found = append(found, imported[x.Name]+"."+s.Sel.Name)
		}
		return true
	})
	return found, nil
}

func TestReadsEnvironment(t *testing.T) {
	for _, c := range []struct {
		name, source string
		want         []string
	}{
		{name: "opens a file", source: `package p; import "os"; var f, _ = os.Open("x")`},
		{name: "asks for a variable", source: `package p; import "os"; var v = os.Getenv("HOME")`, want: []string{"os.Getenv"}},
		{name: "under another name", source: `package p; import sys "os"; var v, ok = sys.LookupEnv("HOME")`, want: []string{"os.LookupEnv"}},
		{name: "hands the function on", source: `package p; import "os"; var all = os.Environ`, want: []string{"os.Environ"}},
		{name: "a method of the same name", source: `package p; type t struct{}; func (t) Getenv(string) string { return "" }; var os t; var v = os.Getenv("HOME")`},
		{name: "imports the names themselves", source: `package p; import . "os"; var v = Getenv("HOME")`, want: []string{"everything of os"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := readsEnvironment("p.go", c.source)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	for _, p := range list(t, "./...") {
		from := name(p.ImportPath)
		if f := folder(from); f == "cmd" || f == "integration" {
			continue
		}
		for _, file := range append(p.GoFiles, p.IgnoredGoFiles...) {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			found, err := readsEnvironment(filepath.Join(p.Dir, file), nil)
			if err != nil {
				t.Error(err)
			}
			for _, f := range found {
				t.Errorf("%s may not read the environment: %s uses %s", from, file, f)
			}
		}
	}
}
