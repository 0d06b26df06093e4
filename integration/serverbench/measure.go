package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/integration/vulndbtest"
)

// bench is the programs and files of one run.
type bench struct {
	o         options
	dir       string
	password  string    // the file of it
	grype     string    // the command
	databases [2]string // archives, of which either replaces the other
	turn      int       // which comes next
}

func newBench(o options) (*bench, error) {
	dir, err := os.MkdirTemp("", "serverbench-")
	if err != nil {
		return nil, err
	}
	b := &bench{o: o, dir: dir, password: filepath.Join(dir, "password"), grype: o.grype}
	b.o.program, err = filepath.Abs(o.program)
	return b, err
}

func (b *bench) close() { os.RemoveAll(b.dir) }

// prepare makes what the measurements need.
func (b *bench) prepare(ctx context.Context) error {
	if err := os.WriteFile(b.password, []byte(password+"\n"), 0o600); err != nil {
		return err
	}
	for i := range b.databases {
		b.databases[i] = filepath.Join(b.dir, fmt.Sprintf("database-%d.tar.zst", i))
		if err := vulndbtest.WriteArchive(b.databases[i], time.Now().Add(time.Duration(i-2)*time.Hour)); err != nil {
			return err
		}
	}
	if b.grype != "" {
		return nil
	}
	say("building grype")
	b.grype = filepath.Join(b.dir, "grype")
	build := exec.CommandContext(ctx, "go", "build", "-o", b.grype, "github.com/anchore/grype/cmd/grype")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build grype: %w\n%s", err, out)
	}
	return nil
}

// rate is how long something took for so many images.
type rate struct {
	images    int
	wall, cpu time.Duration
	peak      memory
}

func (r rate) perSecond() float64 { return ratio(float64(r.images), r.wall.Seconds()) }

// cpuEach is the CPU time of one.
func (r rate) cpuEach() time.Duration { return r.cpu / time.Duration(max(r.images, 1)) }

// each is the wall time of one.
func (r rate) each() time.Duration { return r.wall / time.Duration(max(r.images, 1)) }

// scan runs the grype command on documents, one after the other.
func (b *bench) scan(ctx context.Context) (rate, error) {
	run := func(args ...string) (*os.ProcessState, error) {
		cmd := exec.CommandContext(ctx, b.grype, args...)
		cmd.Env = append(os.Environ(), "HOME="+b.dir, "GRYPE_DB_CACHE_DIR="+filepath.Join(b.dir, "grype-db"),
			"GRYPE_DB_AUTO_UPDATE=false", "GRYPE_DB_VALIDATE_AGE=false", "GRYPE_CHECK_FOR_APP_UPDATE=false")
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err == nil && len(args) == 3 && len(out) < 1000 {
			err = fmt.Errorf("grype found next to nothing: %.200s", out)
		}
		return cmd.ProcessState, err
	}
	if _, err := run("-q", "db", "import", b.databases[0]); err != nil {
		return rate{}, err
	}
	r := rate{images: b.o.scans}
	for n := range b.o.scans {
		data := b.o.document(n)
		name := filepath.Join(b.dir, "sbom.json")
		if err := os.WriteFile(name, data, 0o600); err != nil {
			return r, err
		}
		began := time.Now()
		state, err := run("sbom:"+name, "-qo", "json")
		if err != nil {
			return r, err
		}
		r.wall += time.Since(began)
		r.cpu += state.UserTime() + state.SystemTime()
	}
	return r, nil
}

// result is what was measured on one store.
type result struct {
	store   string
	inserts rate    // plain inserts of images' rows
	fills   []fill  // by number of images
	workers []again // by number of workers, all with the same number of images
	growth  []again // by number of images, all with the same number of workers
}

// fill is the import of images by a server that has so many workers.
type fill struct {
	workers  int
	there    int  // images, at the end
	imported rate // from the first request to the last answer
	analyzed rate // until all are analysed
}

// again is the assessment of all images after the database changed.
type again struct {
	workers int
	rate
}

// most is with how many images numbers of workers are compared at the most, and how
// many plain inserts are made.
const most = 1000

// growthWorkers is how many workers assess while the number of images grows.
const growthWorkers = 2

// measure fills a server step by step, and has it assess everything again at
// each step.
func (b *bench) measure(ctx context.Context, p *place) (result, error) {
	r := result{store: p.name}
	plain := b.o.images[0]
	for _, images := range b.o.images {
		if images <= most {
			plain = images
		}
	}
	var err error
	if r.inserts, err = p.insert(ctx, b.o, min(plain, most)); err != nil {
		return r, fmt.Errorf("insert rows: %w", err)
	}
	have := 0
	for _, images := range b.o.images {
		if err := b.step(ctx, p, &r, have, images, images == plain); err != nil {
			return r, err
		}
		have = images
	}
	return r, nil
}

// step fills a server up to a number of images and has them assessed again. Where
// workers are to be compared, each number of them has its share of the images to
// import, and all to assess.
func (b *bench) step(ctx context.Context, p *place, r *result, have, images int, compare bool) error {
	fillers := []int{growthWorkers}
	if compare {
		fillers = b.o.workers
	}
	from := have
	for i, workers := range fillers {
		to := have + (images-have)*(i+1)/len(fillers)
		f, err := b.fill(ctx, p, workers, from, to)
		if err != nil {
			return fmt.Errorf("import %d images: %w", to-from, err)
		}
		r.fills = append(r.fills, f)
		from = to
	}
	assess := func(workers int) (again, error) {
		a, err := b.reassess(ctx, p, workers, images)
		if err != nil {
			return again{}, fmt.Errorf("assess %d images by %d workers: %w", images, workers, err)
		}
		say("%s: %d images: assessed again by %d workers in %.1f s", p.name, images, workers, a.wall.Seconds())
		return again{workers, a}, nil
	}
	if compare {
		for _, workers := range b.o.workers {
			a, err := assess(workers)
			if err != nil {
				return err
			}
			r.workers = append(r.workers, a)
			if workers == growthWorkers {
				r.growth = append(r.growth, a)
			}
		}
	}
	if n := len(r.growth); n > 0 && r.growth[n-1].images == images {
		return nil
	}
	a, err := assess(growthWorkers)
	r.growth = append(r.growth, a)
	return err
}

// fill imports images from..to, by several clients at once.
func (b *bench) fill(ctx context.Context, p *place, workers, from, to int) (f fill, err error) {
	f.workers, f.there = workers, to
	s, err := b.serve(ctx, p, workers)
	if err != nil {
		return f, err
	}
	defer func() {
		if e := s.stop(); err == nil {
			err = e
		}
	}()
	if from == 0 {
		if err := b.change(ctx, s); err != nil {
			return f, err
		}
	}
	if _, err := s.idle(ctx); err != nil {
		return f, err
	}
	s.peak(true)
	busy, began := s.cpu(), time.Now()
	if err := b.addAll(ctx, s, from, to); err != nil {
		return f, err
	}
	f.imported = rate{images: to - from, wall: time.Since(began)}
	end, err := s.idle(ctx)
	f.analyzed = rate{images: to - from, wall: end.Sub(began), cpu: s.cpu() - busy, peak: s.peak(false)}
	say("%s: %d images: imported in %.1f s, analyzed after %.1f s", p.name, to, f.imported.wall.Seconds(), f.analyzed.wall.Seconds())
	return f, err
}

// addAll imports images from..to.
func (b *bench) addAll(ctx context.Context, s *server, from, to int) error {
	var next atomic.Int64
	next.Store(int64(from))
	var all sync.WaitGroup
	failed := make(chan error, b.o.clients)
	for range b.o.clients {
		all.Go(func() {
			for n := int(next.Add(1)) - 1; n < to; n = int(next.Add(1)) - 1 {
				if err := b.add(ctx, s, n); err != nil {
					failed <- fmt.Errorf("image %d: %w", n, err)
					return
				}
			}
		})
	}
	all.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

func (b *bench) add(ctx context.Context, s *server, n int) error {
	evidence, err := b.o.bundle(b.dir, n)
	if err != nil {
		return err
	}
	defer evidence.Close()
	_, err = s.Import(ctx, evidence, wire.AddOptions{})
	return err
}

// change brings in the other of the two databases.
func (b *bench) change(ctx context.Context, s *server) error {
	f, err := os.Open(b.databases[b.turn%2])
	if err != nil {
		return err
	}
	defer f.Close()
	b.turn++
	_, err = s.ImportDatabase(ctx, f, filepath.Base(f.Name()), "")
	return err
}

// reassess measures from a change of the database until every image was matched
// with the new one.
func (b *bench) reassess(ctx context.Context, p *place, workers, images int) (r rate, err error) {
	s, err := b.serve(ctx, p, workers)
	if err != nil {
		return r, err
	}
	defer func() {
		if e := s.stop(); err == nil {
			err = e
		}
	}()
	if _, err := s.idle(ctx); err != nil {
		return r, err
	}
	s.peak(true)
	busy, began := s.cpu(), time.Now()
	if err := b.change(ctx, s); err != nil {
		return r, err
	}
	q, err := s.Queue(ctx, wire.QueueFilter{Limit: 1})
	if err != nil {
		return r, err
	}
	if images >= 100 && q.Running+q.Queued == 0 {
		return r, fmt.Errorf("nothing was queued by the change of the database")
	}
	end, err := s.idle(ctx)
	return rate{images: images, wall: end.Sub(began), cpu: s.cpu() - busy, peak: s.peak(false)}, err
}
