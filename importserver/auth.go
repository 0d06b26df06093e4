package importserver

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"unicode/utf8"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/access"
	"github.com/tidepole/tidepole/importserver/openapi"
	"github.com/tidepole/tidepole/importserver/store"
)

// errDenied is the one answer to whoever cannot sign in, for whatever reason.
var errDenied = fault.New(fault.Denied, "Unauthorized")

// signIn is the account that a request acts for, and who does so: a password, an
// API key as the password of wire.KeyUser, or a token.
func (s *Server) signIn(r *http.Request) (*Account, error) {
	p, err := s.authenticate(r)
	if err != nil {
		return nil, err
	}
	return s.as(r.Context(), p, r.Header.Get(wire.AccountHeader))
}

func (s *Server) authenticate(r *http.Request) (principal, error) {
	ctx := r.Context()
	if scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "bearer") {
		p, _, err := s.byToken(ctx, strings.TrimSpace(token), accessToken)
		return p, s.slowly(ctx, err)
	}
	user, plain, ok := r.BasicAuth()
	switch {
	case !ok:
		return principal{}, errDenied
	case user == wire.KeyUser:
		p, err := s.byKey(ctx, plain)
		return p, s.slowly(ctx, err)
	}
	p, _, err := s.byPassword(ctx, user, plain, peerOf(r))
	return p, err
}

// slowly lets whoever was denied wait.
func (s *Server) slowly(ctx context.Context, err error) error {
	if err == errDenied {
		_ = access.Pause(ctx, s.options.LoginDelay)
	}
	return err
}

// peerOf is the host that a request came from; of IPv6, the network of 64 bits, of
// which one host has all addresses.
func peerOf(r *http.Request) string {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	host := from.Addr().Unmap().WithZone("")
	if host.Is4() {
		return host.String()
	}
	return netip.PrefixFrom(host, 64).Masked().String()
}

// maxUserName is the longest name that a user has, in bytes.
const maxUserName = 128

// byPassword recognises a user by his password. Whether there is such a user makes
// no difference to what is done, and to how long it takes.
func (s *Server) byPassword(ctx context.Context, name, plain, peer string) (principal, store.User, error) {
	if len(name) > maxUserName {
		name = "" // nobody's as well
	}
	u, err := s.store.View().User(ctx, name)
	known := err == nil
	if err != nil && !errors.Is(err, store.ErrNone) {
		return principal{}, u, err
	}
	if known && s.memory.Knows(name, plain, u.Epoch) {
		p, err := s.principal(ctx, u, byPassword)
		return p, u, err
	}
	attempt := name + "\x00" + peer
	if err := s.throttle.Enter(ctx, attempt); err != nil {
		return principal{}, u, busy(err)
	}
	if known && s.memory.Knows(name, plain, u.Epoch) { // found out while this one waited
		s.throttle.Succeeded(attempt)
		p, err := s.principal(ctx, u, byPassword)
		return p, u, err
	}
	right, err := isPassword(ctx, u, plain, peer)
	if err != nil {
		s.throttle.Left(attempt)
		return principal{}, u, busy(err)
	}
	p, err := principal{}, error(errDenied)
	if right && known {
		p, err = s.principal(ctx, u, byPassword)
	}
	if err == errDenied {
		s.throttle.Failed(attempt)
		return p, u, s.slowly(ctx, err)
	}
	if err != nil {
		s.throttle.Left(attempt)
		return p, u, err
	}
	s.memory.Keep(name, plain, u.Epoch)
	s.throttle.Succeeded(attempt)
	return p, u, err
}

// busy says that a login has to come again later.
func busy(err error) error {
	if errors.Is(err, access.ErrBusy) {
		return fault.New(fault.Unavailable, "%w", err).WithHint("wait a few seconds; if the password is wrong, correct it")
	}
	return err
}

// isPassword compares.
func isPassword(ctx context.Context, u store.User, plain, peer string) (bool, error) {
	if utf8.RuneCountInString(plain) > maxPassword {
		plain = ""
	}
	return access.Is(ctx, peer, plain, u.Password)
}

// byKey recognises a user by his API key.
func (s *Server) byKey(ctx context.Context, key string) (principal, error) {
	k, err := s.store.View().KeyByID(ctx, access.KeyID(key))
	if err != nil && !errors.Is(err, store.ErrNone) {
		return principal{}, err
	}
	if !access.HasDigest(key, k.Digest) || k.Revoked || !k.ExpiresAt.After(s.now()) {
		return principal{}, errDenied
	}
	u, err := s.store.View().User(ctx, k.User)
	if err != nil {
		return principal{}, noneIsDenied(err)
	}
	return s.principal(ctx, u, byKey)
}

// byToken recognises a user by a token that he was handed out.
func (s *Server) byToken(ctx context.Context, token, kind string) (principal, store.User, error) {
	k, err := s.store.View().Token(ctx, access.Digest(token))
	if err != nil {
		return principal{}, store.User{}, noneIsDenied(err)
	}
	u, err := s.store.View().User(ctx, k.User)
	if err != nil {
		return principal{}, u, noneIsDenied(err)
	}
	if k.Kind != kind || k.Epoch != u.Epoch || !k.ExpiresAt.After(s.now()) {
		return principal{}, u, errDenied
	}
	p, err := s.principal(ctx, u, byToken)
	return p, u, err
}

func noneIsDenied(err error) error {
	if errors.Is(err, store.ErrNone) {
		return errDenied
	}
	return err
}

// principal is a user who has shown that he is himself, if his account is enabled.
func (s *Server) principal(ctx context.Context, u store.User, via string) (principal, error) {
	home, err := s.store.View().Account(ctx, u.Account)
	if err != nil {
		return principal{}, noneIsDenied(err)
	}
	if home.State != wire.AccountEnabled {
		return principal{}, errDenied
	}
	return principal{user: u.Name, home: u.Account, since: home.CreatedAt, system: u.Account == Admin, via: via}, nil
}

// as is the server as a user sees it who acts for an account: his own, if none is
// named. Users of the admin account act for any; others where they have a role, and
// are told the same of an account that there is not.
func (s *Server) as(ctx context.Context, p principal, name string) (*Account, error) {
	if name == "" {
		name = p.home
	}
	if p.system {
		p.role = openapi.Admin
		row, err := s.store.View().Account(ctx, name)
		if err != nil {
			return nil, noAccount(err, name)
		}
		return &Account{server: s, name: name, since: row.CreatedAt, by: &p}, nil
	}
	members, err := s.store.View().Members(ctx, p.user, name)
	if err != nil {
		return nil, err
	}
	a, err := s.store.View().Account(ctx, name)
	if err != nil && !errors.Is(err, store.ErrNone) {
		return nil, err
	}
	switch {
	case len(members) == 1 && a.State == wire.AccountEnabled:
		p.role = members[0].Role
	case name != p.home:
		return nil, fault.New(fault.Forbidden, "%s may not act for the account %.100q", p.user, name)
	}
	return &Account{server: s, name: name, since: a.CreatedAt, by: &p}, nil
}

// noAccount says that there is no account of a name.
func noAccount(err error, name string) error {
	if errors.Is(err, store.ErrNone) {
		return fault.New(fault.NotFound, "there is no account %.100q", name).
			WithHint("GET /v2/accounts lists them for admins; x-anchore-account, --account and TIDEPOLE_ACCOUNT say which to act for")
	}
	return err
}
