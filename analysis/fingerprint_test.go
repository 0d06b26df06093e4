package analysis_test

import (
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/tidepole/tidepole/analysis"
)

// Programs that may find something else are not taken for each other.
func TestProgramsAreToldApart(t *testing.T) {
	build := func(change func(*debug.BuildInfo)) string {
		info := &debug.BuildInfo{
			GoVersion: "go1.26", Main: debug.Module{Version: "v1"},
			Settings: []debug.BuildSetting{{Key: "GOARCH", Value: "amd64"}, {Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "false"}},
			Deps:     []*debug.Module{{Path: "example.org/dep", Version: "v1", Sum: "h1:x"}},
		}
		if change != nil {
			change(info)
		}
		return analysis.ProgramOf(info, "file one")
	}
	replaced := func(by debug.Module) func(*debug.BuildInfo) {
		return func(i *debug.BuildInfo) { i.Deps[0].Replace = &by }
	}
	seen := map[string]string{}
	for name, id := range map[string]string{
		"plain":                       build(nil),
		"another architecture":        build(func(i *debug.BuildInfo) { i.Settings[0].Value = "arm64" }),
		"another revision":            build(func(i *debug.BuildInfo) { i.Settings[1].Value = "def" }),
		"a replaced module":           build(replaced(debug.Module{Path: "example.org/fork", Version: "v1", Sum: "h1:y"})),
		"replaced by another version": build(replaced(debug.Module{Path: "example.org/fork", Version: "v2", Sum: "h1:z"})),
		"replaced by a folder":        build(replaced(debug.Module{Path: "../dep"})),
		"changed sources":             build(func(i *debug.BuildInfo) { i.Settings[2].Value = "true" }),
		"not known":                   analysis.ProgramOf(nil, "file one"),
		"not known, another file":     analysis.ProgramOf(nil, "file two"),
	} {
		if other, again := seen[id]; again {
			t.Errorf("%s is taken for: %s", name, other)
		}
		seen[id] = name
	}
	if build(nil) != analysis.ProgramOf(&debug.BuildInfo{
		GoVersion: "go1.26", Main: debug.Module{Version: "v1"},
		Settings: []debug.BuildSetting{{Key: "GOARCH", Value: "amd64"}, {Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "false"}},
		Deps:     []*debug.Module{{Path: "example.org/dep", Version: "v1", Sum: "h1:x"}},
	}, "file two") {
		t.Error("what was built from the same is told apart by where it lies")
	}
}

func TestTheProgramsFile(t *testing.T) {
	id := analysis.OwnFile()
	if id != analysis.OwnFile() {
		t.Error("it is another each time")
	}
	if runtime.GOOS == "linux" && !strings.HasPrefix(id, "build ") || len(id) < 20 {
		t.Errorf("it is %q", id)
	}
}
