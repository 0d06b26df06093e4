//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// ignorePipe makes writing to a closed pipe an error, so that the process ends
// in an orderly way.
func ignorePipe() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
