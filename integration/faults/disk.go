package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// diskSize is that of the disk which the server keeps its data on.
const diskSize = "256m"

// disk is a small file system that can be filled, where one can be had; else a
// folder.
type disk struct {
	dir string
	why string // it cannot be filled; "" where it can
}

func openDisk(dir string) (*disk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	d := &disk{dir: dir}
	if os.Geteuid() != 0 {
		d.why = "only root can mount a small file system"
	} else if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+diskSize+",mode=0700"); err != nil {
		d.why = fmt.Sprintf("mount a small file system: %v", err)
	}
	return d, nil
}

func (d *disk) ballast() string { return filepath.Join(d.dir, "ballast") }

// fill leaves no byte.
func (d *disk) fill() error {
	f, err := os.OpenFile(d.ballast(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (d *disk) free() error { return ignoreAbsent(os.Remove(d.ballast())) }

func (d *disk) close() error {
	if d.why != "" {
		return nil
	}
	return syscall.Unmount(d.dir, syscall.MNT_DETACH)
}
