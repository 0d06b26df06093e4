package main

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// latest is the newest time a layer holds: what the recipe itself touched is
// from that day, so that building it again changes as little as can be.
var latest = time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)

// The marks of a layer, as the OCI image specification has them.
const (
	whiteoutPrefix = ".wh."
	opaqueMark     = ".wh..wh..opq"
)

// sink takes a layer's entries.
type sink interface {
	WriteHeader(*tar.Header) error
	io.Writer
}

// writeDiff writes an overlayfs upper folder as a layer: a character device 0:0
// becomes a whiteout, a folder with the opaque attribute gets an opaque mark.
// Sockets and devices are left out.
func writeDiff(w sink, upper string) error {
	d := differ{w: w, upper: upper, links: map[uint64]string{}}
	return filepath.WalkDir(upper, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if err := d.add(name, entry); err != nil {
			return fmt.Errorf("layer of %s: %s: %w", upper, name, err)
		}
		return nil
	})
}

type differ struct {
	w     sink
	upper string
	links map[uint64]string // inode -> first name in the layer
}

func (d *differ) add(name string, entry fs.DirEntry) error {
	rel, err := filepath.Rel(d.upper, name)
	if err != nil || rel == "." {
		return err
	}
	info, err := entry.Info()
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("no inode")
	}
	switch mode := info.Mode(); {
	case mode&fs.ModeCharDevice != 0 && stat.Rdev == 0:
		return d.mark(path.Join(path.Dir(rel), whiteoutPrefix+path.Base(rel)))
	case mode&(fs.ModeDevice|fs.ModeSocket|fs.ModeNamedPipe) != 0:
		return nil
	}
	h, err := d.header(name, rel, info, stat)
	if err != nil {
		return err
	}
	if err := d.w.WriteHeader(h); err != nil {
		return err
	}
	switch {
	case h.Typeflag == tar.TypeReg:
		return d.content(name)
	case h.Typeflag == tar.TypeDir && attribute(name, "trusted.overlay.opaque") == "y":
		return d.mark(path.Join(rel, opaqueMark))
	}
	return nil
}

func (d *differ) header(name, rel string, info fs.FileInfo, stat *syscall.Stat_t) (*tar.Header, error) {
	target := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		var err error
		if target, err = os.Readlink(name); err != nil {
			return nil, err
		}
	}
	h, err := tar.FileInfoHeader(info, target)
	if err != nil {
		return nil, err
	}
	h.Name, h.Uname, h.Gname, h.AccessTime, h.ChangeTime = rel, "", "", time.Time{}, time.Time{}
	h.ModTime = h.ModTime.Truncate(time.Second)
	if h.ModTime.After(latest) {
		h.ModTime = latest
	}
	if info.IsDir() {
		h.Name += "/"
	}
	if capability := attribute(name, "security.capability"); capability != "" {
		h.PAXRecords = map[string]string{"SCHILY.xattr.security.capability": capability}
	}
	if h.Typeflag == tar.TypeReg && stat.Nlink > 1 {
		if first, seen := d.links[stat.Ino]; seen {
			h.Typeflag, h.Linkname, h.Size = tar.TypeLink, first, 0
		} else {
			d.links[stat.Ino] = rel
		}
	}
	return h, nil
}

func (d *differ) mark(name string) error {
	return d.w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o600, ModTime: latest})
}

func (d *differ) content(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(d.w, f)
	return err
}

// attribute is an extended attribute, "" if there is none. Links have none.
func attribute(name, attr string) string {
	if info, err := os.Lstat(name); err != nil || info.Mode()&fs.ModeSymlink != 0 {
		return ""
	}
	b := make([]byte, 256)
	n, err := syscall.Getxattr(name, attr, b)
	if err != nil {
		return ""
	}
	return string(b[:n])
}

// isWhiteout says whether an entry of a layer deletes instead of adding.
func isWhiteout(name string) bool { return strings.HasPrefix(path.Base(name), whiteoutPrefix) }
