// Package model is the protocol of images, work and leases as a machine of states,
// small enough to look at all of them. It knows nothing of the code in package
// queue; that the two agree is what the tests of package queue show, step by step.
//
// One state has the rows of up to two images, what up to three workers remember,
// and what the one who looks for silent workers remembers. A step is what one of
// them does at a time: a transaction, or a mishap. All interleavings of steps are
// paths through the states, so what holds in every state holds in every order of
// events.
package model

import (
	"fmt"
	"strings"

	"github.com/tidepole/tidepole/formats/wire"
)

// Bounds of a state.
const (
	MaxImages  = 2
	MaxWorkers = 3
)

// Status is that of an image's row.
type Status uint8

// Statuses; Absent is an image that has no row.
const (
	Absent Status = iota
	NotAnalyzed
	Analyzing
	Analyzed
	Failed
)

// Wire is the status as the contract calls it; "" for Absent.
func (s Status) Wire() string {
	return []string{"", wire.NotAnalyzed, wire.Analyzing, wire.Analyzed, wire.AnalysisFailed}[s]
}

// Stage is that of a work item.
type Stage uint8

// Stages.
const (
	Analyze Stage = iota
	Assess
)

// Item is the row of an image's work.
type Item struct {
	There    bool
	Stage    Stage
	Attempts int8 // of the stage
	Again    bool // asked for once more while it was under way
	Token    int8 // of the lease; 0 while it is free
	Ready    bool // may be claimed: its delay is over
	Line     bool // it is in line, whatever the clock says; false while it is leased
	Over     bool // the time of its lease is over
}

// Image is an image's row and its work.
type Image struct {
	Status Status
	Work   Item

	// Asked is true from when the database changed until an assessment began
	// after that. No row has it: it tells what must not be forgotten.
	Asked bool
}

// Lease is what a worker remembers of the work that it claimed; all of it but
// Failing as it was when it was claimed or advanced. A worker does one thing at a
// time. One that is stopped is one that takes no step for a while, and goes on
// where it was; one that is killed forgets its lease.
type Lease struct {
	There    bool
	Image    int8
	Token    int8
	Status   Status
	Stage    Stage
	Attempts int8
	Failing  bool // a step went wrong for all that the worker knows: it only settles the lease

	// Holds is true until somebody ends the lease. No process knows that.
	Holds bool
}

// gone is every token that no row has: none will have it again. What is
// remembered of such a lease makes no difference any more, and is left out.
const gone = 1 + MaxImages + MaxWorkers + 1

// Search is what the one who looks for silent workers remembers between finding
// a lease that is over and taking it back.
type Search struct {
	There bool
	Image int8
	Token int8
	Over  bool // the lease as it is now ended before the time of the search
	Ahead bool // the time of the search is ahead of the clock
}

// State is everything at one moment.
type State struct {
	Images  [MaxImages]Image
	Workers [MaxWorkers]Lease
	Search  Search
}

// renamed is the same state with the tokens that rows have numbered by the rows. A
// token means nothing but that it is equal to another.
func (s State) renamed() State {
	var names [1 + gone]int8
	for i := range s.Images {
		if t := &s.Images[i].Work.Token; *t != 0 {
			names[*t] = int8(1 + i)
			*t = names[*t]
		}
	}
	for w := range s.Workers {
		l := &s.Workers[w]
		if l.Token = rename(names, l.Token); l.Token == gone {
			*l = Lease{There: true, Image: l.Image, Token: gone, Status: Analyzing, Stage: Assess}
		}
	}
	if f := &s.Search; f.There {
		if f.Token = rename(names, f.Token); f.Token == gone {
			*f = Search{There: true, Image: f.Image, Token: gone, Over: true}
		}
	}
	return s
}

func rename(names [1 + gone]int8, t int8) int8 {
	if t != 0 && names[t] == 0 {
		return gone
	}
	return names[t]
}

// fresh is a token that nobody has, for the work of an image.
func fresh(n int8) int8 { return 1 + MaxImages + n }

// Final tells whether nothing more is to be done for any image.
func (s State) Final() bool {
	for _, i := range s.Images {
		if i.Work.There || i.Status == NotAnalyzed || i.Status == Analyzing {
			return false
		}
	}
	return true
}

// String is a state for people; what is as at the start is left out.
func (s State) String() string {
	var parts []string
	for n, i := range s.Images {
		if i == (Image{}) {
			continue
		}
		text := fmt.Sprintf("image %d %s", n, i.Status.Wire())
		if w := i.Work; w.There {
			text += fmt.Sprintf(" work{%s attempts %d token %d%s}", w.Stage, w.Attempts, w.Token,
				flags("again", w.Again, "ready", w.Ready, "in line", w.Line, "over", w.Over))
		}
		parts = append(parts, text+flags("asked", i.Asked))
	}
	for n, w := range s.Workers {
		if w.There {
			parts = append(parts, fmt.Sprintf("worker %d lease{image %d token %d %s%s}", n, w.Image, w.Token, w.Stage,
				flags("holds", w.Holds, "failing", w.Failing)))
		}
	}
	if s.Search.There {
		parts = append(parts, fmt.Sprintf("search{image %d token %d%s}", s.Search.Image, s.Search.Token,
			flags("over", s.Search.Over, "ahead", s.Search.Ahead)))
	}
	return strings.Join(parts, "; ")
}

func (s Stage) String() string { return [...]string{"analyze", "assess"}[s] }

// flags are the names of those pairs that are true, each after a blank.
func flags(pairs ...any) string {
	text := ""
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1].(bool) {
			text += " " + pairs[i].(string)
		}
	}
	return text
}
