package main

import (
	"slices"
	"time"
)

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

func (r *Results) add(j job, m measure) {
	at := slices.IndexFunc(r.Measures, func(m Measured) bool { return m.Job == j })
	if at < 0 {
		r.Measures = append(r.Measures, Measured{Job: j})
		at = len(r.Measures) - 1
	}
	r.Measures[at].Runs = append(r.Measures[at].Runs, m)
}

// median of a job, field by field; false if it was not measured.
func (r Results) median(j job) (measure, bool) {
	at := slices.IndexFunc(r.Measures, func(m Measured) bool { return m.Job == j })
	if at < 0 || len(r.Measures[at].Runs) == 0 {
		return measure{}, false
	}
	runs := r.Measures[at].Runs
	return measure{
		Wall: middle(runs, func(m measure) time.Duration { return m.Wall }), CPU: middle(runs, func(m measure) time.Duration { return m.CPU }),
		Peak: middle(runs, func(m measure) int64 { return m.Peak }), Read: middle(runs, func(m measure) int64 { return m.Read }),
		Written: middle(runs, func(m measure) int64 { return m.Written }), Left: middle(runs, func(m measure) int64 { return m.Left }),
		Kept: middle(runs, func(m measure) int64 { return m.Kept }),
	}, true
}

func middle[T time.Duration | int64](runs []measure, field func(measure) T) T {
	var values []T
	for _, m := range runs {
		values = append(values, field(m))
	}
	slices.Sort(values)
	return values[len(values)/2]
}
