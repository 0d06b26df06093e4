package importserver

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

// contentTypes are the API's names of kinds of packages, where they are not
// syft's own in lower case. All that make up an operating system are "os".
var contentTypes = map[string]string{
	"java-archive": "java", "jenkins-plugin": "java", "graalvm-native-image": "java",
	"go-module": "go", "dotnet": "nuget", "cocoapods": "pod",
	"php-pear": "php-pecl",
}

// contentType is the API's name of the kind of package that syft's type is.
func contentType(syft string) string {
	if _, os := wire.PackageType(syft); os {
		return "os"
	}
	if name, ok := contentTypes[syft]; ok {
		return name
	}
	return strings.ToLower(syft)
}

// ContentTypes are the types of content that an image has: what was not looked
// for is none of them.
func (a *Account) ContentTypes(ctx context.Context, digest string) ([]string, error) {
	i, b, err := a.analyzedEvidence(ctx, digest)
	if err != nil {
		return nil, err
	}
	types, err := a.server.store.View().PackageTypes(ctx, i.ID)
	if err != nil {
		return nil, err
	}
	var list []string
	if !i.Facts.NoFiles {
		list = append(list, "files")
	}
	for _, t := range types {
		list = append(list, contentType(t))
	}
	for kind, name := range map[bundle.Kind]string{
		bundle.SecretSearches: "secret_search", bundle.ContentSearches: "content_search", bundle.FileContents: "retrieved_files",
	} {
		if _, ok := b.Part(kind); ok {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return append([]string{}, slices.Compact(list)...), nil
}

// Packages are an image's packages of one content type. A type that could be
// there, but is not, gives none.
func (a *Account) Packages(ctx context.Context, digest, kind string) (wire.Content[wire.Package], error) {
	list := []wire.Package{}
	err := a.eachPackage(ctx, digest, kind, func(p wire.Package) error {
		list = append(list, p)
		return nil
	})
	if err != nil {
		return wire.Content[wire.Package]{}, err
	}
	return wire.Content[wire.Package]{Digest: digest, ContentType: kind, Content: list}, nil
}

// eachPackage visits what Packages lists, and keeps none of it.
func (a *Account) eachPackage(ctx context.Context, digest, kind string, visit func(wire.Package) error) error {
	_, b, err := a.analyzedEvidence(ctx, digest)
	if err != nil {
		return err
	}
	if err := a.checkContentType(ctx, digest, kind); err != nil {
		return err
	}
	return readDocument(b, bundle.Visitor{Package: func(p bundle.Package) error {
		if contentType(p.Type) != kind {
			return nil
		}
		return visit(packageOf(p))
	}})
}

// checkContentType refuses a type of packages that neither every image can be
// asked for, nor this one has.
func (a *Account) checkContentType(ctx context.Context, digest, kind string) error {
	if slices.Contains(packageContent, kind) {
		return nil
	}
	types, err := a.ContentTypes(ctx, digest)
	if err != nil {
		return err
	}
	if !slices.Contains(types, kind) || slices.Contains(otherContent, kind) {
		return fault.New(fault.NotFound, "there is no content type %.100q of packages", kind).
			WithHint("image %s has %s", digest, strings.Join(types, ", "))
	}
	return nil
}

// packageContent are content types that every image can be asked for.
var packageContent = []string{"os", "npm", "gem", "python", "java", "go", "binary"}

// otherContent are content types that are not packages.
var otherContent = []string{"files", "secret_search", "content_search", "retrieved_files"}

// readDocument reads a bundle's syft document.
func readDocument(b *bundle.Bundle, v bundle.Visitor) error {
	r, err := open(b, bundle.Packages, "the evidence has no syft document")
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = bundle.ReadDocument(r, v)
	return err
}

// open reads a part; where it is absent, the fault is NotFound and says absent.
func open(b *bundle.Bundle, kind bundle.Kind, absent string) (io.ReadCloser, error) {
	p, ok := b.Part(kind)
	if !ok {
		return nil, fault.New(fault.NotFound, "%s", absent)
	}
	return p.Open()
}

// Files hands an image's files to visit, one by one; an error of visit ends it
// and is returned as it is.
func (a *Account) Files(ctx context.Context, digest string, visit func(wire.File) error) error {
	_, b, err := a.analyzedEvidence(ctx, digest)
	if err != nil {
		return err
	}
	return readDocument(b, bundle.Visitor{File: func(f bundle.File) error { return visit(fileOf(f)) }})
}

// fileTypes are the API's names of syft's file types.
var fileTypes = map[string]string{
	bundle.TypeRegular: "file", bundle.TypeHardlink: "file", bundle.TypeDirectory: "dir", bundle.TypeSymlink: "slink",
	"CharacterDevice": "dev", "BlockDevice": "dev",
}

func fileOf(f bundle.File) wire.File {
	out := wire.File{
		Name: f.Location.Path, Type: "UNKNOWN", Mode: fmt.Sprintf("%05o", f.UnixMode()),
		LayerID: f.Location.LayerID, Gaps: f.Unknowns,
	}
	if sum := f.SHA256(); sum != "" {
		out.SHA256 = &sum
	}
	m := f.Metadata
	if m == nil {
		return out
	}
	if t, ok := fileTypes[m.Type]; ok {
		out.Type = t
	}
	out.UID, out.GID, out.Size, out.MIMEType = m.UserID, m.GroupID, m.Size, m.MIMEType
	if m.LinkDestination != "" {
		out.Link = &m.LinkDestination
	}
	return out
}
