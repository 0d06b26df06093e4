package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// postgres is a PostgreSQL server of the run's own.
type postgres struct {
	home, programs, address string
	as                      *syscall.Credential
	cmd                     *exec.Cmd
	exited                  chan error
}

// openPostgres makes an empty database and starts a server on it, as the user
// postgres: it refuses to run as root.
func openPostgres(ctx context.Context) (*postgres, error) {
	all, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(all) == 0 {
		return nil, errors.New("PostgreSQL's server is not installed")
	}
	p := &postgres{programs: filepath.Dir(all[len(all)-1])}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if p.home, err = os.MkdirTemp("", "tidepole-faults-rows-"); errors.Join(err, err1, err2) != nil {
		return nil, errors.Join(err, err1, err2)
	}
	if err := os.Chown(p.home, uid, gid); err != nil {
		return nil, err
	}
	p.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	initdb := p.command(ctx, "initdb", "--pgdata", filepath.Join(p.home, "data"), "--username", "tidepole", "--auth", "trust",
		"--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync")
	if out, err := initdb.CombinedOutput(); err != nil {
		return p, fmt.Errorf("initdb: %w: %.1000s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return p, err
	}
	p.address = l.Addr().String()
	l.Close()
	return p, p.start(ctx)
}

func (p *postgres) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(p.programs, program), args...)
	cmd.Dir = p.home
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.as, Setpgid: true}
	return cmd
}

// start starts the server and waits until it answers. What an earlier one left
// running may be in its way for a while.
func (p *postgres) start(ctx context.Context) error {
	if p.cmd != nil {
		return nil
	}
	host, port, err := net.SplitHostPort(p.address)
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(endTime); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if p.cmd == nil {
			p.cmd = p.command(context.WithoutCancel(ctx), "postgres", "-D", filepath.Join(p.home, "data"), "-p", port,
				"-c", "listen_addresses="+host, "-c", "unix_socket_directories="+p.home, "-c", "fsync=off")
			if err := p.cmd.Start(); err != nil {
				return err
			}
			p.exited = make(chan error, 1)
			go func(cmd *exec.Cmd, exited chan error) { exited <- cmd.Wait() }(p.cmd, p.exited)
		}
		select {
		case <-p.exited:
			p.cmd = nil
			continue
		default:
		}
		if p.command(ctx, "pg_isready", "-q", "-h", host, "-p", port).Run() == nil {
			return nil
		}
	}
	return errors.New("the database does not start")
}

// end ends the server: SIGKILL as a crash, SIGINT as somebody who restarts it.
func (p *postgres) end(s syscall.Signal) error {
	if p.cmd == nil {
		return nil
	}
	p.cmd.Process.Signal(s)
	select {
	case <-p.exited:
		p.cmd = nil
		return nil
	case <-time.After(endTime):
		return errors.New("the database does not end")
	}
}

func (p *postgres) url(address string) string {
	return "postgres://tidepole@" + address + "/postgres?sslmode=disable"
}

func (p *postgres) close() error {
	return errors.Join(p.end(syscall.SIGQUIT), os.RemoveAll(p.home))
}
