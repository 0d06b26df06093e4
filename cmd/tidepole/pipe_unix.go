//go:build unix

package main

import (
	"os"
	"os/signal"
	"syscall"
)

// hangUp has a terminal that is closed end the process in an orderly way, unless
// it is to outlive that (nohup).
func hangUp(signals chan<- os.Signal) {
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
}

// ignorePipe makes writing to a closed pipe an error, so that the process ends
// in an orderly way.
func ignorePipe() { signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) }
