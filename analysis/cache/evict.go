package cache

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// block is what an entry takes at least, and is rounded up to, in bytes: it
	// bounds how many small ones there are.
	block = 4 << 10
	// spareShare is the part of the bound that is freed beyond need where entries
	// give way, so that not each new one has to look for others: a twentieth.
	spareShare = 20
	// step is how much is freed at once on a full disk, in bytes.
	step = 64 << 20
)

// charge is what an entry of that size takes.
func charge(size int64) int64 { return max(1, (size+block-1)/block) * block }

// entry is a file in its place.
type entry struct {
	kind, name string // name is the path in the folder
	size       int64
	used       time.Time
}

// reserve makes room for bytes more, in place of the entry of that name if there
// is one, and counts them. The caller holds the lock.
func (d *Dir) reserve(bytes int64, name string) error {
	total, ok := d.total()
	if ok {
		total += bytes - d.taken(name)
	}
	if !ok || total > d.opts.MaxBytes {
		all, _ := d.scan()
		all = slices.DeleteFunc(all, func(e entry) bool { return e.name == name })
		total = bytes
		for _, e := range all {
			total += charge(e.size)
		}
		if over := total - d.opts.MaxBytes; over > 0 {
			total -= d.evict(all, over, d.opts.MaxBytes/spareShare)
		}
	}
	if total > d.opts.MaxBytes {
		return errors.New("older entries cannot be removed")
	}
	return d.setTotal(total)
}

// evict removes entries, the least recently used first, that took need bytes at
// least, and more as far as they fit into spare. It gives how many bytes it freed.
func (d *Dir) evict(all []entry, need, spare int64) (freed int64) {
	late := d.opts.Now().Add(useStep)
	slices.SortFunc(all, func(a, b entry) int {
		if fa, fb := a.used.After(late), b.used.After(late); fa != fb {
			if fa {
				return -1 // of a clock that was wrong: nobody knows when
			}
			return 1
		}
		if c := a.used.Compare(b.used); c != 0 {
			return c
		}
		return strings.Compare(a.name, b.name)
	})
	for _, e := range all {
		if freed >= need && freed+charge(e.size) > need+spare {
			break
		}
		if d.root.Remove(e.name) == nil {
			freed += charge(e.size)
		}
	}
	return freed
}

// freeSome makes space on a full disk, for a file that has that size already;
// false says that no entry is left to give way.
func (d *Dir) freeSome(ctx context.Context, size int64) bool {
	freed := int64(0)
	err := d.locked(ctx, func() error {
		all, _ := d.scan()
		total := int64(0)
		for _, e := range all {
			total += charge(e.size)
		}
		freed = d.evict(all, max(step, size/4), 0)
		return d.setTotal(total - freed)
	})
	return err == nil && freed > 0
}

// total is what all entries take, in bytes, or more where a process was killed
// or somebody else removed them; false: it is not known.
func (d *Dir) total() (int64, bool) {
	var text [32]byte
	n, _ := d.lock.ReadAt(text[:], 0)
	total, err := strconv.ParseInt(strings.TrimSpace(string(text[:n])), 10, 64)
	return total, err == nil && total >= 0
}

// setTotal notes it, before entries are added and after they are removed.
func (d *Dir) setTotal(total int64) error {
	text := strconv.FormatInt(max(0, total), 10)
	_, err := d.lock.WriteAt([]byte(strings.Repeat("0", 20-len(text))+text+"\n"), 0)
	return err
}

// taken is what the entry of that name takes; 0 where there is none.
func (d *Dir) taken(name string) int64 {
	info, err := d.root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	return charge(info.Size())
}

// scan lists the entries, and what is among them and is none.
func (d *Dir) scan() (all []entry, foreign []string) {
	kindDirs, _ := d.readDir(entriesDir)
	for _, k := range kindDirs {
		at := path.Join(entriesDir, k.Name())
		if !k.IsDir() || !isKind(k.Name()) {
			foreign = append(foreign, at)
			continue
		}
		groups, _ := d.readDir(at)
		for _, g := range groups {
			some, others := d.scanGroup(k.Name(), path.Join(at, g.Name()), g)
			all, foreign = append(all, some...), append(foreign, others...)
		}
	}
	return all, foreign
}

// scanGroup lists the entries whose keys begin alike.
func (d *Dir) scanGroup(kind, at string, group fs.DirEntry) (all []entry, foreign []string) {
	if !group.IsDir() || len(group.Name()) != 2 {
		return nil, []string{at}
	}
	files, _ := d.readDir(at)
	for _, f := range files {
		name := path.Join(at, f.Name())
		if !f.Type().IsRegular() || checkKey(f.Name()) != nil || entryName(kind, f.Name()) != name {
			foreign = append(foreign, name)
			continue
		}
		info, err := d.root.Lstat(name)
		if err != nil {
			continue // gone meanwhile
		}
		all = append(all, entry{kind, name, info.Size(), info.ModTime()})
	}
	return all, foreign
}

// readDir lists a folder of the cache, sorted by name.
func (d *Dir) readDir(name string) ([]fs.DirEntry, error) {
	f, err := d.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	list, err := f.ReadDir(-1)
	slices.SortFunc(list, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return list, err
}
