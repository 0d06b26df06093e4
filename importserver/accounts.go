package importserver

import (
	"context"
	"errors"
	"fmt"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// introduceAdmin sees to the account and the user that every server has.
func (s *Server) introduceAdmin(ctx context.Context) error {
	now := s.now()
	return s.store.InTx(ctx, func(tx *store.Tx) error {
		if _, err := tx.InsertAccount(ctx, store.Account{Name: Admin, Type: "admin", State: wire.AccountEnabled, CreatedAt: now, UpdatedAt: now}); err != nil {
			return err
		}
		if _, err := tx.InsertUser(ctx, store.User{Name: Admin, Account: Admin, CreatedAt: now, UpdatedAt: now}); err != nil {
			return err
		}
		if err := s.settlePassword(ctx, tx); err != nil {
			return err
		}
		return s.introduce(ctx, tx, Admin)
	})
}

// over is an account as whoever acts sees it, if he may see it at all: users of the
// admin account see every account, others the one that they act for.
func (a *Account) over(ctx context.Context, name string) (*Account, store.Account, error) {
	if name != a.name && !a.system() {
		return nil, store.Account{}, noAccount(store.ErrNone, name)
	}
	row, err := a.server.store.View().Account(ctx, name)
	return &Account{server: a.server, name: name, since: row.CreatedAt, by: a.by}, row, noAccount(err, name)
}

func accountOf(a store.Account) wire.Account {
	return wire.Account{Name: a.Name, Type: a.Type, State: a.State, Email: a.Email, CreatedAt: a.CreatedAt, LastUpdated: a.UpdatedAt}
}

// Accounts are the accounts of a state, "" being any.
func (a *Account) Accounts(ctx context.Context, state string) ([]wire.Account, error) {
	rows, err := a.server.store.View().Accounts(ctx, state)
	list := []wire.Account{}
	for _, r := range rows {
		list = append(list, accountOf(r))
	}
	return list, err
}

// AccountInfo is the account of a name.
func (a *Account) AccountInfo(ctx context.Context, name string) (wire.Account, error) {
	_, row, err := a.over(ctx, name)
	return accountOf(row), err
}

// AddAccount makes an account, with a policy of its own.
func (a *Account) AddAccount(ctx context.Context, r wire.AccountRequest) (wire.Account, error) {
	now := a.server.now()
	row := store.Account{Name: r.Name, Email: r.Email, Type: "user", State: wire.AccountEnabled, CreatedAt: now, UpdatedAt: now}
	err := a.server.store.InTx(ctx, func(tx *store.Tx) error {
		added, err := tx.InsertAccount(ctx, row)
		if err == nil && !added {
			err = fault.New(fault.Conflict, "the account %s exists", r.Name)
		}
		if err != nil {
			return err
		}
		return a.server.introduce(ctx, tx, r.Name)
	})
	if err != nil {
		return wire.Account{}, err
	}
	return accountOf(row), nil
}

// UpdateAccount changes an account's address.
func (a *Account) UpdateAccount(ctx context.Context, name string, r wire.AccountRequest) (wire.Account, error) {
	return a.changeAccount(ctx, name, func(row *store.Account) error {
		row.Email = r.Email
		return nil
	})
}

// SetAccountState enables or disables an account. Users of one that is disabled
// cannot sign in.
func (a *Account) SetAccountState(ctx context.Context, name, state string) (wire.AccountState, error) {
	row, err := a.changeAccount(ctx, name, func(row *store.Account) error {
		switch {
		case row.Name == Admin:
			return fault.New(fault.Invalid, "the account %s cannot be disabled", Admin)
		case row.State == wire.AccountDeleting:
			return fault.New(fault.Invalid, "the account %s is being deleted", row.Name)
		case state != wire.AccountEnabled && state != wire.AccountDisabled:
			return fault.New(fault.Invalid, "an account is enabled or disabled, not %.100q", state)
		}
		row.State = state
		return nil
	})
	return wire.AccountState{State: row.State}, err
}

// DeleteAccount deletes an account that is disabled, with all that is its own: soon,
// not at once.
func (a *Account) DeleteAccount(ctx context.Context, name string) error {
	_, err := a.changeAccount(ctx, name, func(row *store.Account) error {
		if row.Name == Admin {
			return fault.New(fault.Invalid, "the account %s cannot be deleted", Admin)
		}
		if row.State == wire.AccountEnabled {
			return fault.New(fault.Invalid, "the account %s is enabled; only one that is disabled can be deleted", row.Name).
				WithHint("disable it first: PUT /v2/accounts/%s/state takes {\"state\": \"disabled\"}", row.Name)
		}
		row.State = wire.AccountDeleting
		return nil
	})
	if err == nil {
		a.server.wakeHousekeeper()
	}
	return err
}

func (a *Account) changeAccount(ctx context.Context, name string, change func(*store.Account) error) (wire.Account, error) {
	var row store.Account
	err := a.server.store.InTx(ctx, func(tx *store.Tx) (err error) {
		if row, err = tx.Account(ctx, name); err != nil {
			return noAccount(err, name)
		}
		if err := change(&row); err != nil {
			return err
		}
		row.UpdatedAt = a.server.now()
		return tx.UpdateAccount(ctx, row)
	})
	return accountOf(row), err
}

// deletedAtOnce is how many images of a deleted account go in one transaction.
const deletedAtOnce = 50

// dropAccounts ends the deletion of accounts, and of tokens that have expired. What
// keeps one account from it keeps no other.
func (s *Server) dropAccounts(ctx context.Context) error {
	all, err := s.store.View().Accounts(ctx, wire.AccountDeleting)
	if err != nil {
		return err
	}
	var errs []error
	for _, a := range all {
		if err := s.dropAccount(ctx, a); err != nil {
			errs = append(errs, fmt.Errorf("delete account %s: %w", a.Name, err))
		}
	}
	errs = append(errs, s.store.InTx(ctx, func(tx *store.Tx) error { return tx.DropTokens(ctx, s.now()) }))
	return errors.Join(errs...)
}

// dropAccount deletes an account's images, some at a time, and then its row. Other
// processes may be at the same: each transaction has the row to itself, and looks
// whether it is still that account. Where some images are too much for one
// transaction, they go one by one.
func (s *Server) dropAccount(ctx context.Context, a store.Account) error {
	limit := deletedAtOnce
	for {
		var gone, deleted bool
		err := s.store.InTx(ctx, func(tx *store.Tx) error {
			gone, deleted = false, false
			row, err := tx.Account(ctx, a.Name)
			if errors.Is(err, store.ErrNone) || err == nil && (row.State != wire.AccountDeleting || !row.CreatedAt.Equal(a.CreatedAt)) {
				gone = true
				return nil
			}
			if err != nil {
				return err
			}
			n, err := tx.DeleteImagesOf(ctx, a.Name, limit)
			if err != nil || n > 0 {
				return err
			}
			if err := tx.ForgetAccount(ctx, a.Name); err != nil {
				return err
			}
			gone, deleted = true, true
			return tx.DeleteAccount(ctx, a.Name)
		})
		switch {
		case err != nil && (limit == 1 || ctx.Err() != nil):
			return err
		case err != nil:
			limit = 1
		case deleted:
			s.log.InfoContext(ctx, "account deleted", "account", a.Name)
			return nil
		case gone:
			return nil
		}
	}
}
