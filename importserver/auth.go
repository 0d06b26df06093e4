package importserver

import (
	"context"
	"net/http"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

// signIn is the account that a request acts for. There is one user, admin, of the
// account of the same name.
func (s *Server) signIn(r *http.Request) (*Account, error) {
	user, plain, ok := r.BasicAuth()
	if !ok {
		return nil, fault.New(fault.Denied, "Unauthorized")
	}
	right := s.admin.is(plain) // first, so that both take as long
	if !right || user != Admin {
		pause(r.Context(), s.options.LoginDelay)
		return nil, fault.New(fault.Denied, "Unauthorized")
	}
	if name := r.Header.Get(wire.AccountHeader); name != "" && name != Admin {
		return nil, fault.New(fault.NotFound, "there is no account %.100q", name)
	}
	return s.Account(Admin), nil
}

// pause makes guessing slow.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
