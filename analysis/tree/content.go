package tree

import (
	"archive/tar"
	"bytes"
	"context"
	"io/fs"

	stereofile "github.com/anchore/stereoscope/pkg/file"

	"github.com/tidepole/tidepole/analysis/layers"
)

// Content is what a file holds.
type Content = layers.Content

// headerOnly says whether a tar has no content for entries with that type flag.
func headerOnly(flag byte) bool {
	switch flag {
	case tar.TypeLink, tar.TypeSymlink, tar.TypeChar, tar.TypeBlock, tar.TypeDir, tar.TypeFifo:
		return true
	}
	return false
}

type nothing struct{ *bytes.Reader }

func (nothing) Close() error { return nil }

func empty() Content { return nothing{bytes.NewReader(nil)} }

// ending is a content that can not be read any more once ctx has ended.
type ending struct {
	Content
	ctx context.Context
}

func (e ending) Read(p []byte) (int, error) {
	if e.ctx.Err() != nil {
		return 0, context.Cause(e.ctx)
	}
	return e.Content.Read(p)
}

func (e ending) ReadAt(p []byte, off int64) (int, error) {
	if e.ctx.Err() != nil {
		return 0, context.Cause(e.ctx)
	}
	return e.Content.ReadAt(p, off)
}

// info is what an entry says of itself. The root is usually named ".".
func info(e layers.Entry) fs.FileInfo {
	i := e.Info()
	if e.Path != "/" {
		return i
	}
	return stereofile.ManualInfo{NameValue: ".", SizeValue: i.Size(), ModeValue: i.Mode(), ModTimeValue: i.ModTime(), SysValue: i.Sys()}
}
