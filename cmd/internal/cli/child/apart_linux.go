package child

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// apart has a child be a group of its own, which ends as a whole, and with its parent.
func apart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// resident is how many bytes of memory a process has; 0 where that is not known.
func resident(pid int) int64 {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	fields := bytes.Fields(data)
	if err != nil || len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize())
}

// nameless is what the files take that a process has open and that have no name any
// more.
func nameless(pid int) (sum int64) {
	dir := "/proc/" + strconv.Itoa(pid) + "/fd/"
	open, _ := os.ReadDir(dir)
	seen := map[[2]uint64]bool{}
	for _, f := range open {
		info, err := os.Stat(dir + f.Name())
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		s, ok := info.Sys().(*syscall.Stat_t)
		if !ok || s.Nlink > 0 || seen[[2]uint64{uint64(s.Dev), s.Ino}] {
			continue
		}
		seen[[2]uint64{uint64(s.Dev), s.Ino}] = true
		sum += allocated(info)
	}
	return sum
}

// allocated is what a file takes on the disk.
func allocated(info fs.FileInfo) int64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Blocks * 512
	}
	return info.Size()
}
