package store

import "context"

// ForgetAccount deletes what is an account's beside its images and its own row.
func (t *Tx) ForgetAccount(ctx context.Context, account string) error {
	for _, query := range []string{
		`DELETE FROM events WHERE account = $1`, `DELETE FROM subscriptions WHERE account = $1`,
		`DELETE FROM registries WHERE account = $1`, `DELETE FROM tag_checks WHERE account = $1`,
		`DELETE FROM operations WHERE account = $1`, `DELETE FROM policies WHERE account = $1`,
		`DELETE FROM account_packages WHERE account = $1`, `DELETE FROM account_vulnerabilities WHERE account = $1`,
	} {
		if _, err := t.exec(ctx, query, account); err != nil {
			return err
		}
	}
	return nil
}
