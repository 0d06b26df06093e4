package image

import (
	"context"
	"os"
	"slices"

	"github.com/tidepole/tidepole/formats/reference"
)

// SourceInfo is one row of the table of sources.
type SourceInfo struct {
	Name string // as in Request.Source
	Help string // one line for people
}

// source is a place an image can be in.
type source struct {
	SourceInfo
	find  func(context.Context, *visit) (*place, error)
	takes func(reference string) bool // whether the reference can name something there
}

// sources is the table of sources, in the order they are tried when none is named.
var sources = []source{
	{SourceInfo{"docker-archive", `a file written by "docker save"`}, findDockerArchive, isFile},
	{SourceInfo{"oci-archive", "a tar file of an OCI image layout"}, findOCIArchive, isFile},
	{SourceInfo{"oci-dir", "a folder that is an OCI image layout"}, findOCIDir, isDir},
	{SourceInfo{"docker", "the Docker daemon"}, findDocker, isName},
	{SourceInfo{"podman", "Podman's service"}, findPodman, isName},
	{SourceInfo{"containerd", "containerd's content store"}, findContainerd, isName},
	{SourceInfo{"registry", "a registry, without any daemon"}, findRegistry, isName},
}

// Sources are the places an image can be in, in the order they are tried when
// a request names none.
func Sources() []SourceInfo {
	infos := make([]SourceInfo, len(sources))
	for i, s := range sources {
		infos[i] = s.SourceInfo
	}
	return infos
}

// sourceNamed is the source of that name.
func sourceNamed(name string) (source, bool) {
	i := slices.IndexFunc(sources, func(s source) bool { return s.Name == name })
	if i < 0 {
		return source{}, false
	}
	return sources[i], true
}

func isFile(ref string) bool {
	path, _ := splitPath(ref)
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

func isDir(ref string) bool {
	path, _ := splitPath(ref)
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func isName(ref string) bool {
	_, err := reference.Parse(ref)
	return err == nil && !isClaimed(ref)
}
