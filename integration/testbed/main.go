// Command testbed starts the real things that tests run against (Docker Engine,
// Podman, containerd, a registry that is open and one with TLS and a password, an
// S3-compatible store, PostgreSQL) on private sockets, ports and folders, runs a
// command with their addresses in its environment, and takes all of it down again.
//
//	go run ./integration/testbed -- go test ./...
//
// A part that is not installed is named on stderr and left out; with -require
// that is an error.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
)

// part is one real thing. start returns the environment that tells tests where
// it is.
type part struct {
	name  string
	needs []string // programs
	start func(context.Context, *bed) ([]string, error)
}

var parts = []part{
	{"Docker Engine", []string{"dockerd"}, startDocker},
	{"Podman", []string{"podman"}, startPodman},
	{"containerd", []string{"containerd", "ctr"}, startContainerd},
	{"registry", []string{"docker-registry"}, startRegistries},
	{"S3-compatible store", []string{"versitygw"}, startObjectStore},
	{"PostgreSQL", []string{"runuser"}, startPostgres},
	{"Debian base image", []string{"debootstrap"}, makeBase},
}

func main() {
	require := flag.Bool("require", false, "fail if a part is missing")
	flag.Parse()
	code, err := run(*require, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "testbed:", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func run(require bool, command []string) (code int, err error) {
	if len(command) == 0 {
		return 2, errors.New("usage: testbed [-require] -- COMMAND [ARGUMENT]…")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b, err := newBed()
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	env := os.Environ()
	for _, p := range parts {
		more, err := p.ready(ctx, b)
		if err != nil {
			fmt.Fprintf(os.Stderr, "testbed: SKIPPED %s: %v\n", p.name, err)
			if require {
				return 1, fmt.Errorf("%s is required", p.name)
			}
			continue
		}
		env = append(env, more...)
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = waitDelay
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil
	}
	return 0, err
}

func (p part) ready(ctx context.Context, b *bed) ([]string, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("it is only started as root")
	}
	for _, program := range p.needs {
		if _, err := exec.LookPath(program); err != nil {
			return nil, fmt.Errorf("%s is not installed", program)
		}
	}
	return p.start(ctx, b)
}

// bed is the folder everything lives in and the processes to stop.
type bed struct {
	dir       string
	processes []*process
}

func newBed() (*bed, error) {
	dir, err := os.MkdirTemp("", "tidepole-testbed-")
	return &bed{dir: dir}, err
}

func (b *bed) path(name ...string) string {
	return filepath.Join(append([]string{b.dir}, name...)...)
}

// close stops the processes, last first, and removes the folder with whatever
// is still mounted below it.
func (b *bed) close() error {
	var errs []error
	for i := len(b.processes) - 1; i >= 0; i-- {
		errs = append(errs, b.processes[i].stop())
	}
	unmountBelow(b.dir)
	return errors.Join(append(errs, os.RemoveAll(b.dir))...)
}
