package importserver

import (
	"context"

	"github.com/tidepole/tidepole/importserver/store"
)

// event is something that happened and that users of an account may want to know.
type event struct {
	Type         string // one of wire's
	Level        string // info or error
	Message      string
	ResourceType string
	ResourceID   string
	Details      map[string]any
}

// note records an event in the caller's transaction.
func (a *Account) note(ctx context.Context, tx *store.Tx, e event) error { return nil }

// moved notes what a change of an image's status means to its account.
func (s *Server) moved(ctx context.Context, tx *store.Tx, m store.Transition) error { return nil }
