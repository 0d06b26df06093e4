package node

import (
	"context"
	"errors"
)

// Parts run at the same time: all end when one does.
type Parts struct {
	cancel context.CancelFunc
	ended  chan error
	count  int
}

// NewParts also gives the context that ends with the first part.
func NewParts(ctx context.Context) (context.Context, *Parts) {
	ctx, cancel := context.WithCancel(ctx)
	return ctx, &Parts{cancel: cancel, ended: make(chan error)}
}

// Start starts a part.
func (p *Parts) Start(part func() error) {
	p.count++
	go func() {
		err := part()
		p.cancel()
		p.ended <- err
	}()
}

// End ends all parts, as far as they heed the context.
func (p *Parts) End() { p.cancel() }

// Wait waits for all parts to end.
func (p *Parts) Wait() error {
	defer p.cancel()
	var errs []error
	for range p.count {
		errs = append(errs, <-p.ended)
	}
	return errors.Join(errs...)
}
