package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/report"
)

// Policy is a policy of an account.
type Policy struct {
	Account   string
	Digest    string // of the policy as it is kept
	Active    bool
	Policy    policy.Policy
	CreatedAt time.Time
	UpdatedAt time.Time
}

// PolicyDigest tells two policies apart by what they say.
func PolicyDigest(p policy.Policy) string {
	sum := sha256.Sum256([]byte(asJSON(p)))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// PolicySize is how many bytes a policy has as it is kept.
func PolicySize(p policy.Policy) int64 { return int64(len(asJSON(p))) }

const policyColumns = `account, digest, active, body, created_at, updated_at`

func scanPolicy(row scanner) (Policy, error) {
	var p Policy
	body, err := p.scan(row)
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal([]byte(body), &p.Policy); err != nil {
		return p, fmt.Errorf("read policy: %w", err)
	}
	return p, nil
}

// scan reads a row but for the policy itself.
func (p *Policy) scan(row scanner) (body string, err error) {
	var active int
	var created, updated int64
	err = row.Scan(&p.Account, &p.Digest, &active, &body, &created, &updated)
	p.Active, p.CreatedAt, p.UpdatedAt = active != 0, fromMicros(created), fromMicros(updated)
	return body, err
}

// PutPolicy writes a policy; one of the same id is replaced, and stays active if it was.
func (t *Tx) PutPolicy(ctx context.Context, p Policy) error {
	digest, body := PolicyDigest(p.Policy), asJSON(p.Policy)
	_, err := t.exec(ctx, `INSERT INTO policies (account, id, name, digest, active, body, created_at, updated_at)
		VALUES ($1, $2, $3, $4, 0, $5, $6, $7)
		ON CONFLICT (account, id) DO UPDATE SET name = excluded.name, digest = excluded.digest,
			body = excluded.body, updated_at = excluded.updated_at`,
		p.Account, p.Policy.ID, p.Policy.Name, digest, body, micros(p.CreatedAt), micros(p.UpdatedAt))
	if err != nil {
		return err
	}
	if err := t.alone(ctx, "texts", "policies"); err != nil { // none is dropped that is used from now on
		return err
	}
	_, err = t.exec(ctx, `INSERT INTO policy_texts (digest, body) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING`, digest, body)
	return err
}

// PolicyText is the policy of a digest, as it was when verdicts were made by it;
// ErrNone where it is known no more.
func (t *Tx) PolicyText(ctx context.Context, digest string) (policy.Policy, error) {
	var p policy.Policy
	var body string
	if err := t.one(ctx, `SELECT body FROM policy_texts WHERE digest = $1`, []any{digest}, []any{&body}); err != nil {
		return p, err
	}
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		return p, fmt.Errorf("read policy: %w", err)
	}
	return p, nil
}

// ActivatePolicy makes a policy the account's only active one; ErrNone where
// there is none of that id.
func (t *Tx) ActivatePolicy(ctx context.Context, account, id string) error {
	if _, err := t.Policy(ctx, account, id); err != nil {
		return err
	}
	_, err := t.exec(ctx, `UPDATE policies SET active = CASE WHEN id = $2 THEN 1 ELSE 0 END WHERE account = $1`, account, id)
	return err
}

// Policy is an account's policy of an id; ErrNone where there is none. In a
// transaction, the account's policies stay as they are until it ends.
func (t *Tx) Policy(ctx context.Context, account, id string) (Policy, error) {
	if err := t.alone(ctx, "policies", account); err != nil {
		return Policy{}, err
	}
	return scanPolicy(t.row(ctx, `SELECT `+policyColumns+` FROM policies WHERE account = $1 AND id = $2`, account, id))
}

// ActivePolicy is the account's active policy; ErrNone where there is none.
func (t *Tx) ActivePolicy(ctx context.Context, account string) (Policy, error) {
	return scanPolicy(t.row(ctx, `SELECT `+policyColumns+` FROM policies WHERE account = $1 AND active = 1`, account))
}

// Policies are an account's policies, oldest first.
func (t *Tx) Policies(ctx context.Context, account string) ([]Policy, error) {
	var all []Policy
	err := t.each(ctx, `SELECT `+policyColumns+` FROM policies WHERE account = $1 ORDER BY created_at, id`, []any{account},
		func(rows *sql.Rows) error {
			p, err := scanPolicy(rows)
			all = append(all, p)
			return err
		})
	return all, err
}

// PolicyHeads are Policies without what they say: of each there are its id, its name and
// its description.
func (t *Tx) PolicyHeads(ctx context.Context, account string) ([]Policy, error) {
	var all []Policy
	err := t.each(ctx, `SELECT `+policyColumns+` FROM policies WHERE account = $1 ORDER BY created_at, id`, []any{account},
		func(rows *sql.Rows) error {
			var p Policy
			var head struct{ ID, Name, Description string }
			body, err := p.scan(rows)
			if err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(body), &head); err != nil {
				return fmt.Errorf("read policy: %w", err)
			}
			p.Policy.ID, p.Policy.Name, p.Policy.Description = head.ID, head.Name, head.Description
			all = append(all, p)
			return nil
		})
	return all, err
}

// CountPolicies are how many policies an account has, and their bytes together.
func (t *Tx) CountPolicies(ctx context.Context, account string) (n int, size int64, err error) {
	err = t.one(ctx, `SELECT count(*), coalesce(sum(octet_length(body)), 0) FROM policies WHERE account = $1`, []any{account}, []any{&n, &size})
	return n, size, err
}

// DeletePolicy removes a policy; ErrNone where there is none of that id.
func (t *Tx) DeletePolicy(ctx context.Context, account, id string) error {
	n, err := t.exec(ctx, `DELETE FROM policies WHERE account = $1 AND id = $2`, account, id)
	return touched(n, err, "delete policy %s", id)
}

// Evaluation is a verdict, and what it rests on.
type Evaluation struct {
	Image        int64
	Tag          string
	Policy       string // its id
	PolicyDigest string
	Database     report.Database // what its matches were made with
	Evidence     string
	At           time.Time
	Result       report.Evaluation
}

// keptEvaluations is how many verdicts of one policy on an image under one tag
// are kept: every new database makes another.
const keptEvaluations = 100

// PutEvaluation keeps a verdict in place of an older one that rests on the same,
// and drops the oldest where there are too many.
func (t *Tx) PutEvaluation(ctx context.Context, e Evaluation) error {
	_, err := t.exec(ctx, `INSERT INTO evaluations (image, tag, policy, policy_digest, db_digest, db, evidence, at, body)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (image, tag, policy, policy_digest, db_digest, evidence) DO UPDATE SET db = excluded.db, at = excluded.at, body = excluded.body`,
		e.Image, e.Tag, e.Policy, e.PolicyDigest, e.Database.Digest, asJSON(e.Database), e.Evidence, micros(e.At), asJSON(e.Result))
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, `DELETE FROM evaluations WHERE image = $1 AND tag = $2 AND policy = $3 AND at < (
			SELECT min(newest.at) FROM (SELECT at FROM evaluations
				WHERE image = $1 AND tag = $2 AND policy = $3 ORDER BY at DESC LIMIT $4) newest)`,
		e.Image, e.Tag, e.Policy, keptEvaluations)
	return err
}

// Evaluations are the verdicts of a policy on an image under a tag, newest
// first: at most limit, and those of at most size bytes together, but always one.
func (t *Tx) Evaluations(ctx context.Context, image int64, tag, policy string, limit, size int) ([]Evaluation, error) {
	var all []Evaluation
	enough := errors.New("enough")
	err := t.each(ctx, `SELECT policy_digest, db_digest, db, evidence, at, body FROM evaluations
		WHERE image = $1 AND tag = $2 AND policy = $3 ORDER BY at DESC LIMIT $4`, []any{image, tag, policy, limit},
		func(rows *sql.Rows) error {
			e := Evaluation{Image: image, Tag: tag, Policy: policy}
			var at int64
			var digest, db, body string
			if err := rows.Scan(&e.PolicyDigest, &digest, &db, &e.Evidence, &at, &body); err != nil {
				return err
			}
			e.At, e.Database = fromMicros(at), report.Database{Present: digest != "", Digest: digest}
			if db != "" {
				if err := json.Unmarshal([]byte(db), &e.Database); err != nil {
					return fmt.Errorf("read the database of a verdict: %w", err)
				}
			}
			if size -= len(body); size < 0 && len(all) > 0 {
				return enough
			}
			if err := json.Unmarshal([]byte(body), &e.Result); err != nil {
				return fmt.Errorf("read a verdict: %w", err)
			}
			all = append(all, e)
			return nil
		})
	if errors.Is(err, enough) {
		err = nil
	}
	return all, err
}

// Setting is a named value; "" where it is not set.
func (t *Tx) Setting(ctx context.Context, name string) (string, error) {
	var value string
	err := t.one(ctx, t.kept(`SELECT value FROM settings WHERE name = $1`), []any{name}, []any{&value})
	if errors.Is(err, ErrNone) {
		return "", nil
	}
	return value, err
}

// SettingOr is a named value, which is set to the one given where there is none.
func (t *Tx) SettingOr(ctx context.Context, name, value string) (string, error) {
	err := t.one(ctx, `INSERT INTO settings (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = settings.value RETURNING value`, []any{name, value}, []any{&value})
	return value, err
}

// SetSetting writes a named value.
func (t *Tx) SetSetting(ctx context.Context, name, value string) error {
	_, err := t.exec(ctx, `INSERT INTO settings (name, value) VALUES ($1, $2)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
	return err
}
