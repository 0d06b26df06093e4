package images

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/cmd/internal/cli/remote"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/table"
	"github.com/tidepole/tidepole/formats/wire"
)

var contentFormats = []string{output.Text, output.JSON, output.JSONRaw, output.CSV}

// Types of content that are not packages.
const (
	filesType     = "files"
	secretsType   = "secret_search"
	searchesType  = "content_search"
	retrievedType = "retrieved_files"
	gapsType      = "gaps" // files of which something could not be read
	allType       = "all"  // every type of package
)

const contentHelp = `Show what an image contains: packages of one or more types, its files, the
places where secrets or patterns were found, or the files that were kept whole.
--type all is the packages of every type, --type gaps the files of which
something could not be read. Without --type the types there are.`

type contentOptions struct {
	types     []string
	available bool
	file      output.File
}

func content(e *env.Env) *cobra.Command {
	var o contentOptions
	cmd := &cobra.Command{
		Use: "content IMAGE", Aliases: []string{"contents"}, Short: "Show an image's packages, files and findings", Long: contentHelp,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runContent(cmd.Context(), e, o, args[0]) },
	}
	fs := cmd.Flags()
	fs.StringSliceVarP(&o.types, "type", "t", nil, "type of content (repeatable)")
	fs.BoolVarP(&o.available, "available-types", "a", false, "show which types there are")
	config.Key(fs, "type", "image.content.type")
	o.file.Register(fs, "image.content", "")
	fs.Lookup("file").Usage = "write to `FILE` instead of standard output; retrieved_files are written as a tar archive"
	output.Flag(cmd, &e.Global.Format, contentFormats...)
	return cmd
}

// reading is the reading of one image's content.
type reading struct {
	ctx    context.Context
	e      *env.Env
	c      *client.Client
	digest string
	format string
	tar    bool // retrieved files go into an archive
}

func runContent(ctx context.Context, e *env.Env, o contentOptions, name string) error {
	format, err := output.Choose(e.Global.Format, contentFormats...)
	if err != nil {
		return err
	}
	c, found, err := remote.Image(ctx, e, name)
	if err != nil {
		return err
	}
	r := reading{ctx, e, c, found.Digest, format, o.file.Path != ""}
	if o.available || len(o.types) == 0 {
		types, err := c.ContentTypes(ctx, found.Digest)
		if err != nil {
			return err
		}
		return showTypes(e, format, types)
	}
	return o.file.Write(e.Out, func(w io.Writer) error { return r.write(w, o.types) })
}

func (r reading) write(w io.Writer, types []string) error {
	if len(types) == 1 {
		switch strings.ReplaceAll(types[0], "-", "_") {
		case filesType:
			return r.files(w)
		case gapsType:
			return r.gaps(w)
		case secretsType:
			return r.searches(w, r.c.Secrets, "no secrets found")
		case searchesType:
			return r.searches(w, r.c.ContentSearches, "no pattern was found")
		case retrievedType:
			return r.retrieved(w)
		}
	}
	return r.packages(w, types)
}

func (r reading) packages(w io.Writer, types []string) error {
	if slices.Contains(types, allType) {
		available, err := r.c.ContentTypes(r.ctx, r.digest)
		if err != nil {
			return err
		}
		types = slices.DeleteFunc(available, notPackages)
	}
	var all []wire.Content[wire.Package]
	for _, t := range types {
		if notPackages(t) {
			return fault.New(fault.Invalid, "type %s cannot be shown together with others", t)
		}
		content, err := r.c.Packages(r.ctx, r.digest, t)
		if err != nil {
			return err
		}
		all = append(all, content)
	}
	switch r.format {
	case output.JSON, output.JSONRaw:
		if len(all) == 1 {
			return output.WriteJSON(w, r.format, all[0])
		}
		return output.WriteJSON(w, r.format, all)
	}
	return r.table(w, packageRows(all), "no packages of that type")
}

func notPackages(t string) bool {
	switch strings.ReplaceAll(t, "-", "_") {
	case filesType, gapsType, secretsType, searchesType, retrievedType, "malware":
		return true
	}
	return false
}

// maxLicenses is how much of a package's licences a table shows: some name dozens.
const maxLicenses = 48

func packageRows(all []wire.Content[wire.Package]) *table.Table {
	t := table.New(table.Column{Name: "Package", Shrink: true}, table.Column{Name: "Version", Shrink: true},
		table.Column{Name: "Type"}, table.Column{Name: "Licenses", Shrink: true, Max: maxLicenses, Drop: 1}, table.Column{Name: "Location", Shrink: true, Drop: 2})
	for _, content := range all {
		for _, p := range content.Content {
			t.Row(p.Name, p.Version, packageType(p.Type), strings.Join(p.Licenses, " "), p.Location)
		}
	}
	return t
}

// packageTypes are the names that vulnerabilities have for what content calls
// otherwise.
var packageTypes = map[string]string{"JAVA-JAR": "java", "JAVA-HPI": "java"}

// packageType is a package's type as tables show it.
func packageType(name string) string {
	return cmp.Or(packageTypes[name], strings.ToLower(name))
}

// table writes t or, where there is nothing in it, tells a person so.
func (r reading) table(w io.Writer, t *table.Table, none string) error {
	switch {
	case r.format == output.CSV:
		return t.CSV(w)
	case t.Len() == 0:
		r.e.Say("%s", none)
		return nil
	}
	return t.Write(w, r.e.Out.Columns())
}

// files are written as they arrive: an image has many.
func (r reading) files(w io.Writer) error {
	if r.format != output.JSON && r.format != output.JSONRaw {
		t := table.New(table.Column{Name: "Mode", Drop: 1}, table.Column{Name: "UID", Right: true, Drop: 2}, table.Column{Name: "GID", Right: true, Drop: 3},
			table.Column{Name: "Size", Right: true}, table.Column{Name: "Type"}, table.Column{Name: "Name", Shrink: true}, table.Column{Name: "SHA256", Shrink: true, Drop: 4})
		err := r.c.Files(r.ctx, r.digest, func(f wire.File) error {
			name := f.Name
			if f.Link != nil && *f.Link != "" {
				name += " -> " + *f.Link
			}
			t.Row(f.Mode, fmt.Sprint(f.UID), fmt.Sprint(f.GID), fmt.Sprint(f.Size), f.Type, name, text(f.SHA256, ""))
			return nil
		})
		if err != nil {
			return err
		}
		return r.table(w, t, "no files")
	}
	s, err := output.NewStream(w, r.format, wire.Content[wire.File]{Digest: r.digest, ContentType: filesType}, "content")
	if err != nil {
		return err
	}
	if err := r.c.Files(r.ctx, r.digest, func(f wire.File) error { return s.Add(f) }); err != nil {
		return err
	}
	return s.Close()
}

func (r reading) searches(w io.Writer, read func(context.Context, string) ([]wire.SearchResult, error), none string) error {
	results, err := read(r.ctx, r.digest)
	if err != nil {
		return err
	}
	if r.format == output.JSON || r.format == output.JSONRaw {
		if results == nil {
			results = []wire.SearchResult{}
		}
		return output.WriteJSON(w, r.format, results)
	}
	t := table.New(table.Column{Name: "Path", Shrink: true}, table.Column{Name: "Name"}, table.Column{Name: "Line", Right: true},
		table.Column{Name: "Offset", Right: true, Drop: 1}, table.Column{Name: "Length", Right: true, Drop: 2}, table.Column{Name: "Layer", Shrink: true, Drop: 3})
	for _, result := range results {
		for _, m := range result.Matches {
			for _, p := range m.Places {
				t.Row(result.Path, m.Name, fmt.Sprint(p.Line), fmt.Sprint(p.Offset), fmt.Sprint(p.Length), p.LayerID)
			}
			if len(m.Places) == 0 {
				for _, line := range m.Lines {
					t.Row(result.Path, m.Name, fmt.Sprint(line+1), "", "", "")
				}
			}
		}
	}
	return r.table(w, t, none)
}
