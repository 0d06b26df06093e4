//go:build unix && !linux

package child

import (
	"io/fs"
	"os/exec"
	"syscall"
)

// apart has a child be a group of its own, which ends as a whole. That its parent
// lives it sees by its standard input.
func apart(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// resident is not known here: what the child asks of its own runtime is all there is.
func resident(int) int64 { return 0 }

// nameless is not known here: the child counts such files itself.
func nameless(int) int64 { return 0 }

func allocated(info fs.FileInfo) int64 { return info.Size() }
