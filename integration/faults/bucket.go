package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	bucketName   = "faults"
	bucketKey    = "faults"
	bucketSecret = "only-for-these-runs"
)

// bucket is one of an S3-compatible store of the run's own, versitygw, which keeps its
// objects in a folder. What passes requests on to it may answer with errors instead, or
// not at all.
type bucket struct {
	dir     string
	address string
	cmd     *exec.Cmd
	exited  chan error

	front  *httptest.Server
	ill    atomic.Bool
	silent atomic.Bool
}

// openBucket makes an empty bucket in a folder and starts a store on that.
func openBucket(ctx context.Context, dir string) (*bucket, error) {
	if _, err := exec.LookPath("versitygw"); err != nil {
		return nil, errors.New("the object store versitygw is not installed")
	}
	b := &bucket{dir: dir}
	if err := os.MkdirAll(filepath.Join(dir, bucketName), 0o700); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b.address = l.Addr().String()
	l.Close()
	next := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: b.address})
			r.Out.Host = r.In.Host // it is signed
		},
		Transport:    &http.Transport{DisableCompression: true},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:     log.New(io.Discard, "", 0),
	}
	b.front = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for b.silent.Load() && r.Context().Err() == nil {
			time.Sleep(20 * time.Millisecond)
		}
		if b.ill.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>not now</Message></Error>`)
			return
		}
		next.ServeHTTP(w, r)
	}))
	b.front.Config.ErrorLog = log.New(io.Discard, "", 0)
	b.front.Start()
	return b, b.start(ctx)
}

// start starts the store and waits until it listens.
func (b *bucket) start(ctx context.Context) error {
	if b.cmd != nil {
		return nil
	}
	for deadline := time.Now().Add(endTime); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if b.cmd == nil {
			b.cmd = exec.CommandContext(context.WithoutCancel(ctx), "versitygw", "--port", b.address,
				"--access", bucketKey, "--secret", bucketSecret, "--quiet", "posix", b.dir)
			b.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			if err := b.cmd.Start(); err != nil {
				b.cmd = nil
				return err
			}
			b.exited = make(chan error, 1)
			go func(cmd *exec.Cmd, exited chan error) { exited <- cmd.Wait() }(b.cmd, b.exited)
		}
		select {
		case <-b.exited:
			b.cmd = nil
			continue
		default:
		}
		if c, err := net.DialTimeout("tcp", b.address, time.Second); err == nil {
			return c.Close()
		}
	}
	return errors.New("the object store does not start")
}

// kill ends the store as a crash would.
func (b *bucket) kill() error {
	if b.cmd != nil {
		b.cmd.Process.Kill()
		<-b.exited
		b.cmd = nil
	}
	return nil
}

func (b *bucket) close() error {
	b.silent.Store(false)
	b.front.Close()
	return b.kill()
}

// host is where requests are passed on.
func (b *bucket) host() string { return strings.TrimPrefix(b.front.URL, "http://") }

func (b *bucket) url(address string) string {
	q := url.Values{"endpoint": {"http://" + address}, "use_path_style": {"true"}, "timeout": {"2s"}}
	return "s3://" + bucketName + "?" + q.Encode()
}

// names are those of all objects.
func (b *bucket) names() ([]string, error) {
	top := filepath.Join(b.dir, bucketName)
	var all []string
	return all, filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return ignoreAbsent(err)
		case d.IsDir() && d.Name() == ".sgwtmp": // what is not complete
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		name, err := filepath.Rel(top, path)
		all = append(all, name)
		return err
	})
}
