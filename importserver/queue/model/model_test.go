package model_test

import (
	"flag"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/importserver/queue"
	"github.com/tidepole/tidepole/importserver/queue/model"
)

var large = flag.Bool("large", false, "check the protocol at sizes that take minutes")

// TestProtocol looks at every state of the protocol.
func TestProtocol(t *testing.T) {
	sizes := []model.Machine{
		{Images: 1, Workers: 3, MaxAttempts: 3},
		{Images: 2, Workers: 1, MaxAttempts: 2},
		{Images: 2, Workers: 2, MaxAttempts: 1},
	}
	if *large {
		sizes = append(sizes, model.Machine{Images: 2, Workers: 2, MaxAttempts: 2}, model.Machine{Images: 2, Workers: 3, MaxAttempts: 2})
	}
	for _, m := range sizes {
		f := m.Check(queue.Allowed)
		if f.Wrong != "" {
			t.Errorf("%+v: %v", m, f)
		}
		t.Logf("%d images, %d workers, %d attempts: %v", m.Images, m.Workers, m.MaxAttempts, f)
		for _, k := range model.Kinds() {
			if f.Kinds[k] == 0 {
				t.Errorf("%+v: no step is of the kind %s", m, k)
			}
		}
	}
}

// TestDiagram compares the changes of status in the protocol with the table in
// package queue: none is missing in either.
func TestDiagram(t *testing.T) {
	f := model.Machine{Images: 1, Workers: 2, MaxAttempts: 2}.Check(func(string, string) bool { return true })
	all := []model.Status{model.Absent, model.NotAnalyzed, model.Analyzing, model.Analyzed, model.Failed}
	var got, want []string
	for _, from := range all {
		for _, to := range all {
			step := from.Wire() + ">" + to.Wire()
			if f.Moves[model.Move{From: from, To: to}] > 0 {
				got = append(got, step)
			}
			if queue.Allowed(from.Wire(), to.Wire()) {
				want = append(want, step)
			}
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table in package queue (-) is not the protocol (+): %s", diff)
	}
}

// TestFlawsAreFound sees to it that the check would notice.
func TestFlawsAreFound(t *testing.T) {
	for _, flaw := range model.Flaws {
		m := model.Machine{Images: 1, Workers: 2, MaxAttempts: 2, Flaw: flaw}
		if f := m.Check(queue.Allowed); f.Wrong == "" {
			t.Errorf("not found: %s", flaw)
		} else {
			t.Logf("%s: %v", flaw, f)
		}
	}
}
