package child

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// How often a child is looked at.
const (
	memoryEvery = 100 * time.Millisecond
	diskEvery   = time.Second // and not more than a tenth of the time
)

// watch ends a child that passes a limit, until ctx ends.
func watch(ctx context.Context, pid int, t Task, stop context.CancelCauseFunc) {
	memory := time.NewTicker(memoryEvery)
	defer memory.Stop()
	disk := time.NewTimer(diskEvery)
	defer disk.Stop()
	var late <-chan time.Time
	if t.Limits.Time > 0 {
		timer := time.NewTimer(t.Limits.Time)
		defer timer.Stop()
		late = timer.C
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-late:
			stop(&Exceeded{"time", t.Limits.Time.String()})
		case <-memory.C:
			if t.Limits.Memory > 0 && resident(pid) > t.Limits.Memory {
				stop(&Exceeded{"memory", Size(t.Limits.Memory)})
			}
		case <-disk.C:
			begun := time.Now()
			if err := overDisk(t, nameless(pid)); err != nil {
				stop(err)
			}
			disk.Reset(max(diskEvery, 10*time.Since(begun)))
		}
	}
}

// overDisk is *Exceeded where a child's files take more than they may: those in its
// folder, and sum bytes besides.
func overDisk(t Task, sum int64) error {
	if t.Limits.Disk <= 0 {
		return nil
	}
	err := filepath.WalkDir(t.Dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // it was removed meanwhile
		}
		if info, err := d.Info(); err == nil && d.Type().IsRegular() {
			sum += allocated(info)
		}
		if sum > t.Limits.Disk {
			return fs.SkipAll
		}
		return nil
	})
	if err == nil && sum > t.Limits.Disk {
		return &Exceeded{"disk", Size(t.Limits.Disk)}
	}
	return nil
}

// Size is a number of bytes for people, in the largest binary unit of which it is a
// whole number.
func Size(n int64) string {
	for _, u := range []struct {
		name  string
		bytes int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= u.bytes && n%u.bytes == 0 {
			return fmt.Sprintf("%d%s", n/u.bytes, u.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

// Spare asks the system to end this process before others, when it is short of
// memory. Where it does not take that, nothing changes.
func Spare() {
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("800"), 0)
}
