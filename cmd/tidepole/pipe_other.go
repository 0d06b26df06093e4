//go:build !unix

package main

import "os"

func hangUp(chan<- os.Signal) {}

func ignorePipe() {}
