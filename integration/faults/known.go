package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tidepole/tidepole/client"
)

// known is a value that requests change, as far as their answers tell.
type known struct {
	busy   sync.Mutex // one request at a time
	value  string
	unsure bool // a request had no answer: it may be done still, even after later ones
}

// change asks for another value, unless that is being asked already, and goes on while
// the answer is awaited.
func (k *known) change(w *World, ctx context.Context, patience time.Duration, do func(*client.Client, context.Context) (string, error)) bool {
	if !k.busy.TryLock() {
		return false
	}
	w.asking.Go(func() {
		defer k.busy.Unlock()
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		again := false
		c, err := w.connect(w.front.address(), func(client.Notice) { again = true })
		if err == nil {
			defer c.Close()
			var value string
			value, err = do(c, ctx)
			switch {
			case err == nil:
				k.value, k.unsure = value, k.unsure || again
			case again || !refused(err):
				k.unsure = true
			}
		}
		w.figures.asked(err)
	})
	return true
}

// check compares a value that was found with what the last answer said.
func (k *known) check(found string) error {
	if !k.unsure && found != k.value {
		return fmt.Errorf("the last answer said %q, and it is %q", k.value, found)
	}
	return nil
}

// settle is for what was found once nothing is asked any more.
func (k *known) settle(found string) { k.value, k.unsure = found, false }
