package fault_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/tidepole/tidepole/formats/fault"
)

func TestFaultIsFoundThroughWrapping(t *testing.T) {
	inner := fault.New(fault.NotFound, "open x: %w", io.ErrUnexpectedEOF).WithHint("look for %s", "y")
	err := fmt.Errorf("add image: %w", inner)
	if fault.Of(err) != fault.NotFound || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v is %v", err, fault.Of(err))
	}
	if got := fault.Hint(fault.New(fault.Invalid, "outer: %w", err)); got != "look for y" {
		t.Errorf("hint is %q", got)
	}
	if fault.Of(io.EOF) != fault.Internal || fault.Of(nil) != fault.Internal || fault.Hint(io.EOF) != "" {
		t.Error("an error that is no fault has a kind or a hint")
	}
}

func TestEveryKindHasANameThatReadsBack(t *testing.T) {
	for k := fault.Internal; k <= fault.Unsupported; k++ {
		if fault.ParseKind(k.String()) != k {
			t.Errorf("%d is named %q, which is %d", k, k, fault.ParseKind(k.String()))
		}
	}
	if fault.ParseKind("nonsense") != fault.Internal || fault.Kind(99).String() != "internal" {
		t.Error("an unknown kind is not internal")
	}
}
