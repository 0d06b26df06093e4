// Package child runs a part of the program's work in a process of its own, so that
// nothing which goes wrong in it can take this process down: it ends when it takes
// more memory, disk or time than it may, when it is cancelled, and with its parent.
//
// The child is told what to do on its standard input, which stays open as long as
// its parent lives, and answers with a JSON value a line on its standard output.
package child

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// Limits are what a child may take. What is 0 has no limit.
type Limits struct {
	Memory int64         // bytes resident, where the system tells
	Disk   int64         // bytes of the files in Task.Dir, and of those without a name where the system tells
	Time   time.Duration // from start to end
}

// Task is what a child is to do.
type Task struct {
	Program string   // the executable
	Args    []string // without the program's name
	Env     []string // all of its environment, as NAME=VALUE
	Dir     string   // a folder for the child alone, whose size is watched
	Input   any      // written to its standard input as one line of JSON
	Limits  Limits
	Line    func(line []byte) error // told each line of its standard output; an error ends it
	Log     func(line string)       // told each line of its standard error; may be nil
}

// Exceeded says which limit a child passed, which ended it.
type Exceeded struct {
	What  string // memory, disk, time
	Limit string // for people: "4GiB" without the unit's name, or a duration
}

// Error is what the child did.
func (e *Exceeded) Error() string {
	switch e.What {
	case "time":
		return "it took longer than " + e.Limit
	case "disk":
		return "its temporary files took more than " + e.Limit + " of disk"
	}
	return "it took more than " + e.Limit + " of memory"
}

// Died says that a child ended in a way that it does not end by itself.
type Died struct {
	State string // as in "signal: killed"
	Last  string // what it last said on standard error
}

// Error is how it ended and what it last said.
func (d *Died) Error() string {
	text := "its process ended with " + d.State
	if d.State == "signal: killed" {
		text += " (by the system, if it was short of memory)"
	}
	if d.Last != "" {
		text += ": " + d.Last
	}
	return text
}

// maxLine bounds what a child says at once.
const maxLine = 1 << 20

// settleTime is how long a child that was ended may keep its pipes open.
const settleTime = 5 * time.Second

// Run runs a child to its end. The error is why ctx ended, *Exceeded, *Died, or
// what Line gave.
func Run(ctx context.Context, t Task) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	input, err := json.Marshal(t.Input)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, t.Program, t.Args...)
	cmd.Args[0] = "tidepole" // Program may be a name that tells people nothing
	cmd.Env, cmd.WaitDelay = t.Env, settleTime
	apart(cmd)
	errs := &tail{told: t.Log}
	cmd.Stderr = errs
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", t.Program, err)
	}
	go func() { _, _ = in.Write(append(input, '\n')) }() // Wait closes it; a child that does not read is one that failed
	watching := make(chan struct{})
	go func() {
		defer close(watching)
		watch(ctx, cmd.Process.Pid, t, stop)
	}()
	lineErr := eachLine(out, t.Line)
	if lineErr != nil {
		stop(lineErr)
	}
	err = cmd.Wait()
	cause := context.Cause(ctx)
	stop(nil)
	<-watching
	switch {
	case cause != nil:
		return cause
	case err != nil:
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			return fmt.Errorf("wait for the process: %w", err)
		}
		return &Died{State: exit.String(), Last: errs.last()}
	}
	return overDisk(t, 0)
}

// eachLine reads a child's answers until it closes its standard output.
func eachLine(r io.Reader, line func([]byte) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 4096), maxLine)
	for s.Scan() {
		if err := line(s.Bytes()); err != nil {
			return err
		}
	}
	if err := s.Err(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("read what the process says: %w", err)
	}
	return nil
}

// Input reads what the child is to do, in the child. The context it gives ends when
// the parent does.
func Input(ctx context.Context, from io.Reader, into any) (context.Context, error) {
	r := bufio.NewReader(io.LimitReader(from, 1<<30))
	line, err := r.ReadBytes('\n')
	if err != nil {
		return ctx, fmt.Errorf("read what is to be done: %w", err)
	}
	if err := json.Unmarshal(line, into); err != nil {
		return ctx, fmt.Errorf("read what is to be done: %w", err)
	}
	ctx, stop := context.WithCancelCause(ctx)
	go func() {
		_, _ = io.Copy(io.Discard, from)
		stop(errors.New("the process that asked for it has ended"))
	}()
	return ctx, nil
}
