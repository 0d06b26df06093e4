package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

// Figures are what a run did and saw.
type Figures struct {
	Seed   uint64
	Steps  int
	Rounds int
	Took   time.Duration  // nanoseconds
	Did    map[string]int // steps by what they were; those that could not be done then are left out

	Answers     map[string]int // to requests about images, by fault; "" is none
	Sure        int            // looks at an image of which every answer was heard
	Unsure      int            // looks at an image of which an answer was lost
	Transitions map[string]int // of images that were there when they were looked at
	LeasesLost  int            // workers that fell silent, or were found dead
	GaveUp      int            // images that failed after too many attempts
	Blobs       int            // the most that were there at a time
	Excused     map[string]int // looks at an image that could be analysed and was not, or whose report was old, by why that was so
	Reports     int            // looks at an analysed image's evidence, report and verdict

	Settle []time.Duration // of each round: from when all was mended until every image was in a final state
	Final  []time.Duration // from when an image was asked for until it was in a final state, mishaps included

	lock sync.Mutex
}

func newFigures(seed uint64) *Figures {
	return &Figures{Seed: seed, Did: map[string]int{}, Answers: map[string]int{}, Transitions: map[string]int{}, Excused: map[string]int{}}
}

// asked counts an answer.
func (f *Figures) asked(err error) {
	f.lock.Lock()
	defer f.lock.Unlock()
	kind := "done"
	if err != nil {
		kind = fmt.Sprint(fault.Of(err))
	}
	f.Answers[kind]++
}

// count counts a transition.
func (f *Figures) count(t wire.Transition) {
	from := t.From
	if from == "" {
		from = "new"
	}
	f.Transitions[from+" > "+t.To]++
	if t.From == wire.Analyzing && t.Source.ServiceName == "queue" {
		f.LeasesLost++
	}
	if t.To == wire.AnalysisFailed && strings.Contains(t.Reason, "gave up") {
		f.GaveUp++
	}
}

// timed takes the times to final states that were reached since from a history.
func (f *Figures) timed(history []wire.Transition, since time.Time) {
	var asked time.Time
	for _, t := range history {
		switch {
		case t.To == wire.NotAnalyzed && t.From != wire.Analyzing:
			asked = t.Timestamp
		case final(t.To) && t.Timestamp.After(since) && !asked.IsZero():
			f.Final = append(f.Final, t.Timestamp.Sub(asked))
			asked = time.Time{}
		}
	}
}

// String is the figures, for people.
func (f *Figures) String() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("seed %d: %d steps in %d rounds, %s", f.Seed, f.Steps, f.Rounds, f.Took)
	for _, part := range []struct {
		name   string
		counts map[string]int
	}{{"done", f.Did}, {"answers", f.Answers}, {"transitions", f.Transitions}, {"excused, and as they should be once asked for again", f.Excused}} {
		line("%s:", part.name)
		for _, what := range slices.Sorted(maps.Keys(part.counts)) {
			line("  %-50s %6d", what, part.counts[what])
		}
	}
	line("looks at an image: %d where all answers were heard, %d where one was lost", f.Sure, f.Unsure)
	line("looks at an analysed image's evidence, report and verdict: %d", f.Reports)
	line("leases lost: %d; images given up after too many attempts: %d; blobs: at most %d", f.LeasesLost, f.GaveUp, f.Blobs)
	line("from the end of all mishaps until every image was in a final state: %s", spread(f.Settle))
	line("from a request until the image was in a final state: %s", spread(f.Final))
	return b.String()
}

// spread is the median and the extremes.
func spread(all []time.Duration) string {
	if len(all) == 0 {
		return "never"
	}
	all = slices.Sorted(slices.Values(all))
	at := func(share float64) time.Duration { return all[int(share*float64(len(all)-1))].Round(time.Millisecond) }
	return fmt.Sprintf("median %v, 95 %% within %v, longest %v (%d times)", at(0.5), at(0.95), at(1), len(all))
}
