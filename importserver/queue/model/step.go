package model

import "fmt"

// Kind is what a step does.
type Kind uint8

// Kinds of steps. A comment names the code that does it.
const (
	SubmitAnalyze Kind = iota // Queue.Submit: a user asks, for the first time or with force
	SubmitAssess              // Queue.Submit: a user imports evidence
	Delete                    // Tx.DeleteImage
	Cancel                    // Queue.Cancel: a user ends what is queued or under way
	Retry                     // Queue.Retry: a user asks again for what failed, or waits
	Refresh                   // Queue.Refresh: the database changed

	Claim   // Queue.Claim
	Beat    // Lease.Beat
	Advance // Lease.Advance: the evidence is stored
	Finish  // Lease.Finish
	Fail    // Lease.Fail, with what another attempt may mend
	GiveUp  // Lease.Fail, with what it cannot
	PutOff  // Lease.PutOff: what the server needs is not there
	Release // Lease.Release: the worker is told to end

	Look    // Queue.Expire, first half: a lease is found to be over
	Take    // Queue.Expire, second half: it is taken back
	TakeAll // Queue.TakeAll: a server starts that has the store for itself

	Crash   // a worker is killed
	Forward // the clock passes all that was to come
	Back    // the clock jumps before all that was
)

var kinds = [...]string{"submit analyze", "submit assess", "delete", "cancel", "retry", "refresh", "claim", "beat", "advance",
	"finish", "fail", "give up", "put off", "release", "look", "take", "take all", "crash", "forward", "back"}

func (k Kind) String() string { return kinds[k] }

// Kinds are all kinds of steps.
func Kinds() []Kind {
	var all []Kind
	for k := range kinds {
		all = append(all, Kind(k))
	}
	return all
}

// Step is one thing that one part does.
type Step struct {
	Kind   Kind
	Worker int8 // who does it, where a worker does
	Image  int8 // to what, where it is done to an image
	// Lost: the connection broke after the store had done it and before whoever
	// did it heard so. Of a Fail: the work does not heed that it was ended.
	Lost bool
}

func (s Step) String() string {
	text := s.Kind.String()
	switch {
	case s.Kind <= Retry || s.Kind == Look:
		text += fmt.Sprintf(" image %d", s.Image)
	case s.Kind == Claim:
		text += fmt.Sprintf(" image %d by worker %d", s.Image, s.Worker)
	case s.Kind > Refresh && s.Kind <= Release || s.Kind == Crash:
		text += fmt.Sprintf(" by worker %d", s.Worker)
	}
	if s.Lost {
		text += ", unheard"
	}
	return text
}

// mends tells whether a step is taken by itself where nothing is asked for and
// nothing breaks any more, and one worker is left.
func (s Step) mends(worker int8) bool {
	if s.Lost {
		return false
	}
	switch s.Kind {
	case Claim, Advance, Finish, Fail, GiveUp:
		return s.Worker == worker
	case Look, Take, Forward:
		return true
	}
	return false
}

// Move is a change of an image's status.
type Move struct{ From, To Status }

// Change is a step and the state it leads to.
type Change struct {
	Step  Step
	To    State
	Moves []Move
	Wrong string // what must not happen and did; "" where all is well
}
