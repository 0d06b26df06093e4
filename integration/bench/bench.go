package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// bench is one run of the benchmark.
type bench struct {
	options
	store       store
	dir         string // of this run
	syftProgram string
	gitleaks    string
	registry    string // HOST:PORT; "": there is none
	docker      string // of the daemon, as DOCKER_HOST has it; "": there is none
	unpacked    string // the reference image's files
	caches      bool   // tidepole has a cache

	results Results
	answers map[job]string
}

// Results is what a run found out; all of it goes into the tables.
type Results struct {
	Machine     string
	Measures    []Measured
	Images      []Facts
	Comparisons []Comparison
	Secrets     *Secrets
	Speed       *speed
	Notes       []string // what was left out or went wrong
}

// Measured is a job with all its runs.
type Measured struct {
	Job  job
	Runs []measure
}

// Facts are an image's sizes.
type Facts struct {
	Name              string
	Size, Inflated    int64 // bytes
	Entries, Layers   int
	Packages, Present int // what syft lists: packages, paths
}

// Comparison is how tidepole's answer on an image differs from syft's.
type Comparison struct {
	Image       string
	Differences []difference
}

// Secrets is what the searches found of what was planted, and beside it.
type Secrets struct {
	Planted      int
	Missed       []string // by tidepole
	Beside       int      // tidepole's findings in other files
	PeerFiles    int      // planted files in which gitleaks found something
	PlantedFiles int
	PeerBeside   int // gitleaks' findings in other files
}

func (b *bench) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	say("%s", text)
	b.results.Notes = append(b.results.Notes, text)
}

// measure runs one job. What goes wrong is noted; the bench goes on.
func (b *bench) measure(ctx context.Context, j job, i image, home string) {
	if err := b.tryMeasure(ctx, j, i, home); err != nil && ctx.Err() == nil {
		b.note("%s: %v", j, err)
	}
}

func (b *bench) tryMeasure(ctx context.Context, j job, i image, home string) error {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	c, answer, err := b.commandOf(j, i, home)
	if err != nil {
		return err
	}
	m, err := c.run(ctx)
	if err != nil {
		return err
	}
	say("%-45s %6.2fs wall %6.2fs cpu %5d MB peak %6d MB written, %d MB left, %d MB kept", j, m.Wall.Seconds(), m.CPU.Seconds(), m.Peak>>20, m.Written>>20, m.Left>>20, m.Kept>>20)
	b.results.add(j, m)
	return b.keep(j, answer)
}

func (r *Results) add(j job, m measure) {
	at := slices.IndexFunc(r.Measures, func(m Measured) bool { return m.Job == j })
	if at < 0 {
		r.Measures = append(r.Measures, Measured{Job: j})
		at = len(r.Measures) - 1
	}
	r.Measures[at].Runs = append(r.Measures[at].Runs, m)
}

// keep keeps a job's first answer, to be compared.
func (b *bench) keep(j job, answer string) error {
	if _, err := os.Stat(answer); err != nil || b.answers[j] != "" {
		return nil
	}
	to := filepath.Join(b.dir, "answers", strings.ReplaceAll(j.String(), "/", "-"))
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	b.answers[j] = to
	return os.Rename(answer, to)
}

// alone runs a job in folders that are removed again.
func (b *bench) alone(ctx context.Context, j job, i image) {
	home, err := os.MkdirTemp(b.dir, "home-")
	if err != nil {
		b.note("%s: %v", j, err)
		return
	}
	defer os.RemoveAll(home)
	b.measure(ctx, j, i, home)
}

// sequence is tidepole on an image that nothing is known of, on the same image
// again, and on images that differ in the topmost layer.
func (b *bench) sequence(ctx context.Context, i image, source string, changed ...image) {
	home, err := os.MkdirTemp(b.dir, "home-")
	if err != nil {
		b.note("%v", err)
		return
	}
	defer os.RemoveAll(home)
	b.measure(ctx, job{tidepole, i.Name, source, empty}, i, home)
	if !b.caches {
		return
	}
	for _, next := range append([]image{i}, changed...) {
		b.measure(ctx, job{tidepole, next.Name, source, filled}, next, home)
	}
}

// sources are where images can be read on this machine, in this run.
func (b *bench) sources() []string {
	var there []string
	for _, s := range []struct{ name, at string }{{archive, "."}, {registry, b.registry}, {daemon, b.docker}} {
		switch {
		case !b.only.has(s.name):
		case s.at == "":
			b.note("there is no %s: run it under integration/testbed as root", s.name)
		default:
			there = append(there, s.name)
		}
	}
	return there
}

// cases measures everything that was chosen.
func (b *bench) cases(ctx context.Context) error {
	sources := b.sources()
	images, err := b.images(ctx)
	if err != nil {
		return err
	}
	for _, i := range images {
		if err := b.place(ctx, i, sources); err != nil {
			return err
		}
	}
	for _, i := range images {
		switch i.Name {
		case topChanged, topProgram: // part of the reference image's sequence
		case reference:
			for range b.runs {
				b.referenceRound(ctx, i, images, sources)
			}
		default:
			b.grown(ctx, i, sources)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b.compare(i)
	}
	return b.secretCases(ctx, images)
}

// place brings an image to where it is read, and its bytes into the page cache.
func (b *bench) place(ctx context.Context, i image, sources []string) error {
	if slices.Contains(sources, registry) {
		if err := push(ctx, i, b.registry); err != nil {
			return fmt.Errorf("push %s: %w", i.Name, err)
		}
	}
	if slices.Contains(sources, daemon) && i.Name == reference {
		return load(ctx, i, b.docker)
	}
	return nil
}

func (b *bench) referenceRound(ctx context.Context, i image, images []image, sources []string) {
	var changed []image
	for _, other := range images {
		if other.Name == topChanged || other.Name == topProgram {
			changed = append(changed, other)
		}
	}
	if b.only.has(limit) {
		b.warm(i.layout())
		b.alone(ctx, job{Tool: limit, Image: i.Name}, i)
	}
	for _, source := range sources {
		if source == archive {
			b.warm(i.archive())
		}
		if source == daemon {
			b.alone(ctx, job{Tool: save, Image: i.Name, Source: source}, i)
		}
		if !b.skipPeers {
			b.alone(ctx, job{Tool: syft, Image: i.Name, Source: source}, i)
		}
		if source != registry {
			b.alone(ctx, job{tidepole, i.Name, source, empty}, i)
			continue
		}
		b.sequence(ctx, i, source, changed...)
		if b.caches {
			b.alone(ctx, job{tidepole, i.Name, source, off}, i)
		}
	}
}

// grown measures an image of another size, from the first source there is:
// the registry, if that is one.
func (b *bench) grown(ctx context.Context, i image, sources []string) {
	source := b.mainSource(sources)
	if source == "" {
		return
	}
	if source == archive {
		b.warm(i.archive())
	}
	for range min(b.runs, growthRuns) {
		if !b.skipPeers {
			b.alone(ctx, job{Tool: syft, Image: i.Name, Source: source}, i)
		}
		b.alone(ctx, job{tidepole, i.Name, source, empty}, i)
	}
}

// growthRuns is how often an image other than the reference is measured at most.
const growthRuns = 1

func (b *bench) mainSource(sources []string) string {
	for _, s := range []string{registry, archive} {
		if slices.Contains(sources, s) {
			return s
		}
	}
	return ""
}

func (b *bench) warm(path string) {
	if err := warm(path); err != nil {
		b.note("%v", err)
	}
}

// compare compares the answers on an image, from every source that both have.
func (b *bench) compare(i image) {
	f := Facts{Name: i.Name, Size: i.size(), Inflated: i.inflated(), Entries: i.entries(), Layers: len(i.Layers)}
	defer func() { b.results.Images = append(b.results.Images, f) }()
	for _, source := range []string{archive, registry, daemon} {
		peer, own := b.answers[job{Tool: syft, Image: i.Name, Source: source}], b.answers[job{tidepole, i.Name, source, empty}]
		if peer == "" || own == "" {
			continue
		}
		differences, err := b.compareFiles(peer, own)
		if err != nil {
			b.note("compare %s from %s: %v", i.Name, source, err)
			continue
		}
		f.Packages, f.Present = differences[0].Syft, differences[2].Syft
		b.results.Comparisons = append(b.results.Comparisons, Comparison{i.Name + ", " + source, differences})
		b.describe(i.Name, source, differences)
	}
	first, again := b.answers[job{tidepole, i.Name, registry, empty}], b.answers[job{tidepole, i.Name, registry, filled}]
	if first != "" && again != "" && !sameFile(first, again) {
		b.note("%s: the cached answer is not byte for byte the uncached one (%s, %s)", i.Name, first, again)
	}
}

func (b *bench) compareFiles(peer, own string) ([]difference, error) {
	left, err := filePeer(peer)
	if err != nil {
		return nil, err
	}
	e, err := evidence(own, b.dir)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	right, err := evidenceSections(e)
	if err != nil {
		return nil, err
	}
	return compare(left, right), nil
}

// describe writes the differences to a file of the run, and says where.
func (b *bench) describe(name, source string, differences []difference) {
	for _, d := range differences {
		if len(d.Missing)+len(d.More) == 0 {
			continue
		}
		to := filepath.Join(b.dir, fmt.Sprintf("different-%s-%s-%s.txt", name, source, d.Section))
		text := "- " + strings.Join(d.Missing, "\n- ") + "\n+ " + strings.Join(d.More, "\n+ ") + "\n"
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			b.note("%v", err)
		}
		b.note("%s from %s: %s differ: %d only in syft's answer, %d only in tidepole's: %s", name, source, d.Section, len(d.Missing), len(d.More), to)
	}
}

// secretCases are the secret search alone, and what was planted.
func (b *bench) secretCases(ctx context.Context, images []image) error {
	at := slices.IndexFunc(images, func(i image) bool { return i.Name == reference })
	if at >= 0 {
		b.planted(images[at])
	}
	if at >= 0 && b.only.has("secrets") {
		b.unpacked = b.store.path("unpacked")
		if err := unpack(images[at], b.unpacked); err != nil {
			return err
		}
		b.warm(b.unpacked)
		if err := b.secretSpeed(ctx); err != nil {
			b.note("secrets alone: %v", err)
		}
		if !b.skipPeers {
			b.alone(ctx, job{Tool: gitleaks, Image: reference, Source: files}, images[at])
			b.peerSecrets()
		}
	}
	if b.only.has("help") {
		b.help(ctx)
	}
	return nil
}

func (b *bench) secretSpeed(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, secretsAlone, b.unpacked)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	out, err := cmd.Output()
	if err != nil {
		return err
	}
	b.results.Speed = &speed{}
	return json.Unmarshal(out, b.results.Speed)
}

// planted looks for the planted secrets in the first answer there is.
func (b *bench) planted(i image) {
	for _, source := range []string{registry, archive, daemon} {
		answer := b.answers[job{tidepole, i.Name, source, empty}]
		if answer == "" {
			continue
		}
		s, err := plantedIn(answer, b.dir)
		if err != nil {
			b.note("secrets of %s: %v", i.Name, err)
			return
		}
		for _, m := range s.Missed {
			b.note("planted secret not found: %s", m)
		}
		b.results.Secrets = s
		return
	}
}

func plantedIn(answer, temp string) (*Secrets, error) {
	e, err := evidence(answer, temp)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	all, err := found(e)
	if err != nil {
		return nil, err
	}
	_, _, planted := plant()
	s := &Secrets{Planted: len(planted)}
	paths := map[string]bool{}
	for _, p := range planted {
		paths[p.Path] = true
		if all[p] == 0 {
			s.Missed = append(s.Missed, p.Rule+" in "+p.Path)
		}
	}
	for at, n := range all {
		if !paths[at.Path] {
			s.Beside += n
		}
	}
	return s, nil
}

func (b *bench) peerSecrets() {
	answer := b.answers[job{Tool: gitleaks, Image: reference, Source: files}]
	if answer == "" || b.results.Secrets == nil {
		return
	}
	paths, err := peerFound(answer, b.unpacked)
	if err != nil {
		b.note("gitleaks: %v", err)
		return
	}
	_, _, planted := plant()
	s, known := b.results.Secrets, map[string]bool{}
	for _, p := range planted {
		if !known[p.Path] && paths[p.Path] > 0 {
			s.PeerFiles++
		}
		known[p.Path] = true
	}
	s.PlantedFiles = len(known)
	for path, n := range paths {
		if !known[path] {
			s.PeerBeside += n
		}
	}
}

// helpRuns is how often tidepole --help is run.
const helpRuns = 20

func (b *bench) help(ctx context.Context) {
	home := filepath.Join(b.dir, "help")
	for range helpRuns {
		m, err := command{args: []string{b.program, "--help"}, home: home}.run(ctx)
		if err != nil {
			b.note("tidepole --help: %v", err)
			return
		}
		b.results.add(job{Tool: "tidepole --help"}, m)
	}
}

// hasCache says whether tidepole has a flag that switches its cache off.
func hasCache(ctx context.Context, program string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "image", "analyze", "--help").CombinedOutput()
	if err != nil {
		return false, errors.Join(err, errors.New(string(out)))
	}
	return strings.Contains(string(out), "--no-cache"), nil
}
