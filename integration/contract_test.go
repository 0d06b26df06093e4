package integration_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/integration"
)

// step is one use of one operation.
type step struct {
	name string // the operation's, and after a colon what is special about it
	do   func(context.Context, integration.Service) (any, error)
	kind fault.Kind // that it fails with, where fails is set
	fail bool

	elsewhere bool // far it is another route, or none: only the kind is the same
}

// TestContract uses two servers that are alike, one in process and one over HTTP,
// in the same way, and compares all that they answer.
func TestContract(t *testing.T) {
	near, far := newSides(t)
	for _, s := range beforeAnalysis {
		s.compare(t, near, far)
	}
	for _, s := range []*side{near, far} {
		s.start()
		for _, d := range []string{imported, added, broken} {
			settle(t, s, d)
		}
	}
	for _, s := range afterAnalysis {
		s.compare(t, near, far)
	}
}

// TestContractIsWhole sees to it that no operation is left out.
func TestContractIsWhole(t *testing.T) {
	used := map[string]bool{}
	for _, s := range append(beforeAnalysis[:len(beforeAnalysis):len(beforeAnalysis)], afterAnalysis...) {
		name, _, _ := strings.Cut(s.name, ":")
		used[name] = used[name] || !s.fail
	}
	service := reflect.TypeFor[integration.Service]()
	for i := range service.NumMethod() {
		if m := service.Method(i).Name; !used[m] {
			t.Errorf("%s is not used with success", m)
		}
		delete(used, service.Method(i).Name)
	}
	for name := range used {
		t.Errorf("%s is no operation", name)
	}
}

// compare does a step on both sides.
func (s step) compare(t *testing.T, near, far *side) {
	t.Run(s.name, func(t *testing.T) {
		want, wantErr := s.do(t.Context(), near)
		got, err := s.do(t.Context(), far)
		// Each server's worker has a name of its own.
		byWhom := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Reason" }, cmp.Comparer(func(a, b string) bool {
			whom := func(reason string) string {
				if rest, ok := strings.CutPrefix(reason, "taken up by "); ok && strings.Count(rest, "/") == 2 {
					return "taken up by a worker"
				}
				return reason
			}
			return whom(a) == whom(b)
		}))
		if diff := cmp.Diff(want, got, cmpopts.IgnoreTypes(time.Time{}), cmpopts.EquateEmpty(), cmp.Transformer("JSON", plainStatus), byWhom,
			cmpopts.IgnoreFields(wire.TransitionSource{}, "Worker")); diff != "" && wantErr == nil {
			t.Errorf("answers, near and far: %s", diff)
		}
		nearFault, farFault := plainFault(t, wantErr), plainFault(t, err)
		if farFault != nil && s.elsewhere && fault.Of(wantErr) == farFault.Kind ||
			farFault != nil && farFault.Detail["invalid"] != nil && fault.Of(wantErr) == fault.Invalid {
			nearFault = farFault // refused by the description of the API, in its words
		}
		if diff := cmp.Diff(nearFault, farFault, cmpopts.IgnoreFields(fault.Fault{}, "Err")); diff != "" {
			t.Errorf("faults, near and far: %s", diff)
		}
		if (wantErr != nil) != s.fail || s.fail && fault.Of(wantErr) != s.kind {
			t.Errorf("near, the error is %v; want fail %v with %v", wantErr, s.fail, s.kind)
		}
	})
}

// plainStatus is a status with the details as JSON has them.
func plainStatus(s wire.Status) any {
	s.Detail = plainDetail(s.Detail)
	type plain wire.Status
	return plain(s)
}

// plainDetail is what JSON makes of details.
func plainDetail(d map[string]any) (plain map[string]any) {
	data, err := json.Marshal(d)
	if err != nil || json.Unmarshal(data, &plain) != nil {
		panic(err)
	}
	return plain
}

// plainFault is an error as a caller can act on it: without the cause, and
// without the number of the request that had it.
func plainFault(t *testing.T, err error) *fault.Fault {
	t.Helper()
	if err == nil {
		return nil
	}
	var f *fault.Fault
	if !errors.As(err, &f) {
		t.Errorf("%v is no fault", err)
		return &fault.Fault{Message: err.Error()}
	}
	p := &fault.Fault{Kind: f.Kind, Message: err.Error(), Hint: fault.Hint(err), Detail: plainDetail(f.Detail)}
	delete(p.Detail, "request_id")
	if len(p.Detail) == 0 {
		p.Detail = nil
	}
	return p
}

// settle waits until the work on an image has ended; far, as a client does.
func settle(t *testing.T, s *side, digest string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if c, ok := s.Service.(*client.Client); ok {
		if _, err := c.Wait(ctx, digest, client.WaitOptions{Interval: 10 * time.Millisecond}); err != nil && !errors.Is(err, client.ErrAnalysisFailed) {
			t.Fatal(err)
		}
		return
	}
	for tick := time.NewTicker(10 * time.Millisecond); ; <-tick.C {
		i, err := s.Image(ctx, digest)
		if err != nil {
			t.Fatal(err)
		}
		if i.Status == wire.Analyzed || i.Status == wire.AnalysisFailed {
			tick.Stop()
			return
		}
	}
}
