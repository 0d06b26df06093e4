package store_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/tidepole/tidepole/importserver/store"
)

func TestRevokedKeyStaysRevoked(t *testing.T) {
	ctx := t.Context()
	s, err := store.Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	k := store.Key{ID: "id", User: "u", Name: "k", Digest: "d", ExpiresAt: now, CreatedAt: now, UpdatedAt: now}
	err = s.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.InsertAccount(ctx, store.Account{Name: "a", Type: "user", State: "enabled", CreatedAt: now, UpdatedAt: now}); err != nil {
			return err
		}
		if _, err := tx.InsertUser(ctx, store.User{Name: "u", Account: "a", CreatedAt: now, UpdatedAt: now}); err != nil {
			return err
		}
		if _, err := tx.InsertKey(ctx, k); err != nil {
			return err
		}
		k.Revoked = true
		if _, err := tx.UpdateKey(ctx, k); err != nil {
			return err
		}
		k.Revoked, k.Description = false, "read before it was revoked"
		_, err := tx.UpdateKey(ctx, k)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.View().KeyByID(ctx, "id")
	if err != nil || !got.Revoked || got.Description != k.Description {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestTokensAreAsManyAsMayBe(t *testing.T) {
	ctx := t.Context()
	s, err := store.Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	err = s.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.InsertAccount(ctx, store.Account{Name: "a", Type: "user", State: "enabled", CreatedAt: now, UpdatedAt: now}); err != nil {
			return err
		}
		for _, user := range []string{"u", "v"} {
			if _, err := tx.InsertUser(ctx, store.User{Name: user, Account: "a", CreatedAt: now, UpdatedAt: now}); err != nil {
				return err
			}
			for n := range 5 {
				for _, kind := range []string{"access", "refresh"} {
					k := store.Token{Digest: fmt.Sprint(user, kind, n), User: user, Kind: kind, ExpiresAt: now.Add(time.Duration(n) * time.Second)}
					if err := tx.InsertToken(ctx, k); err != nil {
						return err
					}
				}
			}
		}
		return tx.KeepTokens(ctx, "u", "access", "uaccess4", 1)
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"u", "v"} {
		for n := range 5 {
			for _, kind := range []string{"access", "refresh"} {
				_, err := s.View().Token(ctx, fmt.Sprint(user, kind, n))
				if gone := user == "u" && kind == "access" && n < 3; gone != errors.Is(err, store.ErrNone) {
					t.Errorf("%s token %d of %s: %v", kind, n, user, err)
				}
			}
		}
	}
}
