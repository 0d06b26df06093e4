package store

import "context"

// ForgetAccount deletes an account's events, subscriptions and logins of
// registries, and what was last found of its tags.
func (t *Tx) ForgetAccount(ctx context.Context, account string) error {
	for _, query := range []string{
		`DELETE FROM events WHERE account = $1`, `DELETE FROM subscriptions WHERE account = $1`,
		`DELETE FROM registries WHERE account = $1`, `DELETE FROM tag_checks WHERE account = $1`,
	} {
		if _, err := t.exec(ctx, query, account); err != nil {
			return err
		}
	}
	return nil
}
