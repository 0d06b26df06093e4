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
)

const (
	postgresUser     = "tidepole"
	postgresPassword = "only-for-tests"
)

// startPostgres makes a cluster of its own and starts a server on it, as the user
// postgres: it refuses to run as root. Nothing of it is meant to outlive a crash.
func startPostgres(ctx context.Context, b *bed) ([]string, error) {
	programs, err := postgresPrograms()
	if err != nil {
		return nil, err
	}
	address, err := freePort()
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	home, password := b.path("postgres"), b.path("postgres", "password")
	if err := givePostgres(b, home, password); err != nil {
		return nil, err
	}
	data := filepath.Join(home, "data")
	initdb := exec.CommandContext(ctx, "runuser", "-u", "postgres", "--", filepath.Join(programs, "initdb"), "--pgdata", data,
		"--username", postgresUser, "--pwfile", password, "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync")
	initdb.Dir = home
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %.500s", err, out)
	}
	ready := func() error {
		return exec.Command(filepath.Join(programs, "pg_isready"), "-q", "-h", host, "-p", port).Run()
	}
	err = b.start(ctx, "postgres-server", ready, "runuser", "-u", "postgres", "--", filepath.Join(programs, "postgres"), "-D", data, "-p", port,
		"-c", "listen_addresses="+host, "-c", "unix_socket_directories="+home, "-c", "max_connections=200",
		"-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
	url := fmt.Sprintf("postgres://%s:%s@%s/postgres?sslmode=disable", postgresUser, postgresPassword, address)
	return []string{"TIDEPOLE_TEST_POSTGRES=" + url}, err
}

// postgresPrograms is the folder of the server's programs: on Debian that is not in
// the path, and there may be several versions.
func postgresPrograms() (string, error) {
	all, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	newest, best := "", 0
	for _, f := range all {
		folder := filepath.Dir(f)
		if version, err := strconv.Atoi(filepath.Base(filepath.Dir(folder))); err == nil && version > best {
			newest, best = folder, version
		}
	}
	if newest != "" {
		return newest, nil
	}
	f, err := exec.LookPath("initdb")
	if err != nil {
		return "", errors.New("PostgreSQL's server is not installed")
	}
	return filepath.Dir(f), nil
}

// givePostgres makes a folder that the user postgres owns, with the password in it.
func givePostgres(b *bed, home, password string) error {
	u, err := user.Lookup("postgres")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return err
	}
	if err := os.Chmod(b.dir, 0o711); err != nil { // to be gone through, not to be read
		return err
	}
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(password, []byte(postgresPassword+"\n"), 0o600); err != nil {
		return err
	}
	return errors.Join(os.Chown(home, uid, gid), os.Chown(password, uid, gid))
}
