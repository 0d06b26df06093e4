package images

import (
	"io"

	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/formats/table"
	"github.com/tidepole/tidepole/formats/wire"
)

// gap is a file of which something could not be read, and why.
type gap struct {
	Path string   `json:"path"`
	Gaps []string `json:"gaps"`
}

// gaps are taken from the image's files.
func (r reading) gaps(w io.Writer) error {
	list := []gap{}
	err := r.c.Files(r.ctx, r.digest, func(f wire.File) error {
		if len(f.Gaps) > 0 {
			list = append(list, gap{f.Name, f.Gaps})
		}
		return nil
	})
	if err != nil {
		return err
	}
	if r.format == output.JSON || r.format == output.JSONRaw {
		return output.WriteJSON(w, r.format, list)
	}
	t := table.New(table.Column{Name: "Path", Shrink: true}, table.Column{Name: "Gap", Wrap: true})
	for _, g := range list {
		for _, why := range g.Gaps {
			t.Row(g.Path, why)
		}
	}
	return r.table(w, t, "every file was read in full")
}
