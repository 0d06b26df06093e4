package importserver

import (
	"context"
	"errors"
	"regexp"
	"sync"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// Bounds of an account's policies: a list of them is whole in memory.
const (
	maxPolicies    = 1000
	maxPolicyBytes = 32 << 20 // together
)

// introduce gives an account that has no policy the default one.
func (s *Server) introduce(ctx context.Context, tx *store.Tx, account string) error {
	n, _, err := tx.CountPolicies(ctx, account)
	if err != nil || n > 0 || s.functions.DefaultPolicy.ID == "" {
		return err
	}
	now := s.now()
	p := store.Policy{Account: account, Policy: s.functions.DefaultPolicy, CreatedAt: now, UpdatedAt: now}
	if err := tx.PutPolicy(ctx, p); err != nil {
		return err
	}
	return tx.ActivatePolicy(ctx, account, p.Policy.ID)
}

// Policies lists the account's policies; with detail, whole.
func (a *Account) Policies(ctx context.Context, detail bool) ([]wire.PolicyRecord, error) {
	read := a.server.store.View().PolicyHeads
	if detail {
		read = a.server.store.View().Policies
	}
	all, err := read(ctx, a.name)
	list := []wire.PolicyRecord{}
	for _, p := range all {
		list = append(list, policyRecord(p, detail))
	}
	return list, err
}

// Policy is one policy, whole.
func (a *Account) Policy(ctx context.Context, id string) (wire.PolicyRecord, error) {
	return whole(a.policy(ctx, a.server.store.View(), id))
}

// whole is a policy's record with the policy, unless there is an error.
func whole(p store.Policy, err error) (wire.PolicyRecord, error) {
	if err != nil {
		return wire.PolicyRecord{}, err
	}
	return policyRecord(p, true), nil
}

func (a *Account) policy(ctx context.Context, tx *store.Tx, id string) (store.Policy, error) {
	p, err := tx.Policy(ctx, a.name, id)
	if errors.Is(err, store.ErrNone) {
		err = noPolicy(id)
	}
	return p, err
}

func noPolicy(id string) error {
	return fault.New(fault.NotFound, "there is no policy %.100q", id).WithHint("tidepole policy list shows those there are")
}

func policyRecord(p store.Policy, detail bool) wire.PolicyRecord {
	r := wire.PolicyRecord{
		AccountName: p.Account, ID: p.Policy.ID, Name: p.Policy.Name, Description: p.Policy.Description,
		Active: p.Active, Source: "local", CreatedAt: p.CreatedAt, LastUpdated: p.UpdatedAt,
	}
	if detail {
		whole := wire.WholePolicy(p.Policy)
		r.Policy = &whole
	}
	return r
}

var policyID = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,127}$`)
})

// AddPolicy adds a policy, inactive. The same again changes nothing; another of
// the same id is fault.Conflict.
func (a *Account) AddPolicy(ctx context.Context, p policy.Policy) (wire.PolicyRecord, error) {
	if p.ID == "" {
		p.ID = newUUID()
	}
	return a.putPolicy(ctx, p, false, func(old *store.Policy) error {
		if old == nil {
			return nil
		}
		return fault.New(fault.Conflict, "there is another policy %s", p.ID).
			WithHint("replace that one (tidepole policy update), or give this one an id of its own")
	})
}

// UpdatePolicy replaces a policy. Whether it is active stays as it is.
func (a *Account) UpdatePolicy(ctx context.Context, id string, p policy.Policy) (wire.PolicyRecord, error) {
	return a.updatePolicy(ctx, id, p, false)
}

// updatePolicy is UpdatePolicy, and ActivatePolicy with it where activate is set: both or
// neither come about.
func (a *Account) updatePolicy(ctx context.Context, id string, p policy.Policy, activate bool) (wire.PolicyRecord, error) {
	if p.ID != id {
		return wire.PolicyRecord{}, fault.New(fault.Invalid, "update policy %.100q: the policy's own id is %.100q", id, p.ID)
	}
	if _, err := a.policy(ctx, a.server.store.View(), id); err != nil {
		return wire.PolicyRecord{}, err
	}
	return a.putPolicy(ctx, p, activate, func(old *store.Policy) error {
		if old == nil { // it was deleted meanwhile
			return noPolicy(id)
		}
		return nil
	})
}

// putPolicy writes a policy that has no defects, unless may refuses because of
// the one that is there, or because there is none, and activates it if it is to. The
// same again changes nothing.
func (a *Account) putPolicy(ctx context.Context, p policy.Policy, activate bool, may func(old *store.Policy) error) (wire.PolicyRecord, error) {
	if !policyID().MatchString(p.ID) {
		return wire.PolicyRecord{}, fault.New(fault.Invalid, "%.100q cannot be a policy's id", p.ID).
			WithHint("use up to 128 letters, digits, '.', '_' and '-'")
	}
	if err := a.server.functions.CheckPolicy(p); err != nil {
		return wire.PolicyRecord{}, err
	}
	var kept store.Policy
	err := a.inTx(ctx, func(tx *store.Tx) error {
		var err error
		if kept, err = a.replace(ctx, tx, p, may); err == nil && activate {
			kept, err = a.activate(ctx, tx, p.ID)
		}
		return err
	})
	return whole(kept, err)
}

// replace is what putPolicy writes of the policy itself.
func (a *Account) replace(ctx context.Context, tx *store.Tx, p policy.Policy, may func(old *store.Policy) error) (store.Policy, error) {
	old, err := tx.Policy(ctx, a.name, p.ID)
	switch {
	case errors.Is(err, store.ErrNone):
		err = may(nil)
	case err == nil && old.Digest == store.PolicyDigest(p):
		return old, nil
	case err == nil:
		err = may(&old)
	}
	if err == nil {
		err = a.hasRoom(ctx, tx, old.Policy, p)
	}
	if err != nil {
		return old, err
	}
	now := a.server.now()
	if err := tx.PutPolicy(ctx, store.Policy{Account: a.name, Policy: p, CreatedAt: now, UpdatedAt: now}); err != nil {
		return old, err
	}
	kept, err := tx.Policy(ctx, a.name, p.ID)
	if err == nil && kept.Active {
		err = a.notePolicy(ctx, tx, wire.EventPolicyContent, "the active policy has other rules", kept)
	}
	return kept, err
}

// hasRoom refuses a policy in the place of an old one, which has no id where there is
// none, if the account's would be too many or too long.
func (a *Account) hasRoom(ctx context.Context, tx *store.Tx, old, p policy.Policy) error {
	n, size, err := tx.CountPolicies(ctx, a.name)
	if err != nil {
		return err
	}
	longer := store.PolicySize(p)
	if old.ID == "" {
		n++
	} else {
		longer -= store.PolicySize(old)
	}
	switch {
	case old.ID == "" && n > maxPolicies:
		return fault.New(fault.Invalid, "add policy %s: the account has %d, and may not have more", p.ID, n-1).WithHint("delete those that are not needed any more")
	case longer > 0 && size+longer > maxPolicyBytes:
		return fault.New(fault.TooLarge, "put policy %s: the account's policies would have %d bytes together, more than %d", p.ID, size+longer, maxPolicyBytes).
			WithHint("delete those that are not needed any more")
	}
	return nil
}

// ActivatePolicy makes a policy the account's only active one.
func (a *Account) ActivatePolicy(ctx context.Context, id string) (wire.PolicyRecord, error) {
	var p store.Policy
	err := a.inTx(ctx, func(tx *store.Tx) error {
		var err error
		p, err = a.activate(ctx, tx, id)
		return err
	})
	return whole(p, err)
}

func (a *Account) activate(ctx context.Context, tx *store.Tx, id string) (store.Policy, error) {
	old, err := a.policy(ctx, tx, id)
	if err != nil {
		return old, err
	}
	if err := tx.ActivatePolicy(ctx, a.name, id); err != nil {
		return old, err
	}
	p, err := tx.Policy(ctx, a.name, id)
	if err == nil && !old.Active {
		err = a.notePolicy(ctx, tx, wire.EventPolicyActive, "another policy is active", p)
	}
	return p, err
}

// DeletePolicy deletes a policy that is not active.
func (a *Account) DeletePolicy(ctx context.Context, id string) error {
	return a.inTx(ctx, func(tx *store.Tx) error {
		p, err := a.policy(ctx, tx, id)
		if err != nil {
			return err
		}
		if p.Active {
			return fault.New(fault.Conflict, "policy %s is active", id).WithHint("activate another one first")
		}
		return tx.DeletePolicy(ctx, a.name, id)
	})
}
