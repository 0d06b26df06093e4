package importserver

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/access"
	"github.com/tidepole/tidepole/importserver/store"
)

// Kinds of tokens, and how long they live.
const (
	accessToken  = "access"
	refreshToken = "refresh"

	accessLife  = time.Hour
	refreshLife = 24 * time.Hour

	maxTokens = 1000 // of a kind and a user
)

// formOf reads a form that readBody has read.
func formOf(r *http.Request) (url.Values, error) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(data))
	if err != nil {
		return nil, fault.New(fault.Invalid, "the request's body is not the form it should be")
	}
	return form, nil
}

// postToken hands out tokens for a password, or for a refresh token, which is used
// up by that. Without a form, the password is that of the request's head.
func postToken(a *Account, w http.ResponseWriter, r *http.Request) error {
	form, err := formOf(r)
	if err != nil {
		return err
	}
	s, ctx := a.server, r.Context()
	user, plain := form.Get("username"), form.Get("password")
	if len(form) == 0 {
		user, plain, _ = r.BasicAuth()
	}
	var u store.User
	used := ""
	switch grant := form.Get("grant_type"); grant {
	case "", "password":
		_, u, err = s.byPassword(ctx, user, plain, peerOf(r))
	case "refresh_token":
		_, u, err = s.byToken(ctx, form.Get("refresh_token"), refreshToken)
		used, err = access.Digest(form.Get("refresh_token")), s.slowly(ctx, err)
	default:
		err = fault.New(fault.Invalid, "there is no grant type %.50q; have password, refresh_token", grant)
	}
	if err != nil {
		return err
	}
	t, err := s.handOut(ctx, u, used)
	return give(w, t, err)
}

// handOut makes an access and a refresh token for a user. used is the digest of the
// refresh token that they replace, and do not outlive: only one of those who come with it
// gets any. Of too many tokens, those that would end first are void.
func (s *Server) handOut(ctx context.Context, u store.User, used string) (wire.Token, error) {
	t := wire.Token{Type: "Bearer"}
	err := s.store.InTx(ctx, func(tx *store.Tx) error {
		now := s.now()
		until := now.Add(refreshLife)
		if used != "" {
			old, err := tx.Token(ctx, used)
			if err != nil {
				return noneIsDenied(err)
			}
			if was, err := tx.DeleteToken(ctx, u.Name, used); err != nil || !was {
				return orDenied(err)
			}
			until = old.ExpiresAt
		}
		life := min(accessLife, until.Sub(now))
		t.ExpiresIn = int(life / time.Second)
		for kind, expires := range map[string]time.Time{accessToken: now.Add(life), refreshToken: until} {
			token, digest := access.NewToken("tpt_")
			if err := tx.InsertToken(ctx, store.Token{Digest: digest, User: u.Name, Kind: kind, Epoch: u.Epoch, ExpiresAt: expires}); err != nil {
				return err
			}
			if err := tx.KeepTokens(ctx, u.Name, kind, digest, maxTokens-1); err != nil {
				return err
			}
			if kind == accessToken {
				t.Access = token
			} else {
				t.Refresh = token
			}
		}
		return nil
	})
	return t, err
}

func orDenied(err error) error {
	if err == nil {
		return errDenied
	}
	return err
}

// postRevoke makes a token of the user's void. Whether it was one is not told.
func postRevoke(a *Account, w http.ResponseWriter, r *http.Request) error {
	form, err := formOf(r)
	if err != nil {
		return err
	}
	return a.server.store.InTx(r.Context(), func(tx *store.Tx) error {
		_, err := tx.DeleteToken(r.Context(), a.user(), access.Digest(form.Get("token")))
		return err
	})
}
