package tree

import (
	"context"
	"sync/atomic"

	"github.com/tidepole/tidepole/formats/fault"
)

// work counts what it takes to look for files through links, over all questions
// that are asked of one image. A few links can make more paths than there are
// files on earth: of folders that each link to all others, one for every order of
// them.
type work struct {
	most  int64
	hits  int // that a question may have: each takes some hundred bytes
	spent atomic.Int64
	over  atomic.Pointer[fault.Fault] // the first limit that was passed
}

// freeSteps are those that any image may take, however few paths it has.
var freeSteps int64 = 10_000_000

// freeHits are those that any question may have; a quarter of the paths that an
// image may have, if that is more.
var freeHits = 2_000_000

const (
	// pathSteps are those that it may take besides for each path of its layers.
	// Cataloguing takes some for each when it goes through all of them, and all
	// questions may be asked a few times, to see whether an answer is still right.
	pathSteps = 64
	// stepBytes is how much of a path is one step.
	stepBytes = 32
)

// newWork is for an image of these layers; most is how many paths it may have, 0
// if that was not said.
func newWork(all []Layer, most int) *work {
	w := &work{most: max(freeSteps, min(int64(most), 1<<60)), hits: max(freeHits, most/4)}
	for _, l := range all {
		w.most += pathSteps * int64(l.Index.Len())
	}
	return w
}

// spend counts steps. The error says that there were too many, or is why ctx ended.
func (w *work) spend(ctx context.Context, steps int) error {
	if w.spent.Add(int64(steps)) > w.most {
		return w.fail(fault.New(fault.TooLarge, "the links of the image make too many paths: its files were not found in %d steps (limit entries)", w.most).
			WithHint("raise it with --max-entries, to more than %d, if the image can be trusted", w.most))
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// found checks how many files were found for one question.
func (w *work) found(hits int) error {
	if hits <= w.hits {
		return nil
	}
	return w.fail(fault.New(fault.TooLarge, "more than %d files of the image match what is looked for at once (limit entries)", w.hits).
		WithHint("raise it with --max-entries, to more than %d, if the image can be trusted", 4*w.hits))
}

func (w *work) fail(f *fault.Fault) error {
	w.over.CompareAndSwap(nil, f)
	return f
}

// overrun is the error of an image that took too much; nil if it did not.
func (w *work) overrun() error {
	if f := w.over.Load(); f != nil {
		return f
	}
	return nil
}

// stepsOf is what it takes to go along a path.
func stepsOf(p string) int { return 1 + len(p)/stepBytes }
