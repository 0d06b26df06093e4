//go:build !linux

package cache_test

import (
	"errors"
	"testing"
)

func mountSmall(string, int) error { return errors.ErrUnsupported }

func unmount(string) error { return nil }

func asNobody(t *testing.T, _ string) func() {
	t.Skip("SKIPPED: nothing is read-only for root")
	return nil
}
