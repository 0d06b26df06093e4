package env_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tidepole/tidepole/cmd/internal/cli/env"
)

func TestStdin(t *testing.T) {
	text := strings.Repeat("evidence ", 50_000)
	e := &env.Env{In: strings.NewReader(text)}
	if err := iotest.TestReader(e.Stdin(context.Background()), []byte(text)); err != nil {
		t.Error(err)
	}
}

func TestStdinEndsWithItsContext(t *testing.T) {
	r, w := io.Pipe() // nothing is ever written
	defer w.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	e := &env.Env{In: r}
	if _, err := io.ReadAll(e.Stdin(ctx)); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}
