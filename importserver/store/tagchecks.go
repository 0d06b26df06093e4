package store

import (
	"context"
	"database/sql"
)

// TagCheck is what was last found of a tag.
type TagCheck struct {
	Account         string
	Tag             string // in full
	Image           string // digest
	Policy          string
	Action          string
	Vulnerabilities string // digest over them
	Found           int    // how many they are
}

// TagCheck is what was last found of an account's tag; ErrNone where nothing was.
func (t *Tx) TagCheck(ctx context.Context, account, tag string) (TagCheck, error) {
	c := TagCheck{Account: account, Tag: tag}
	err := t.one(ctx, t.kept(`SELECT image, policy, action, vulnerabilities, found FROM tag_checks WHERE account = $1 AND tag = $2`),
		[]any{account, tag}, []any{&c.Image, &c.Policy, &c.Action, &c.Vulnerabilities, &c.Found})
	return c, err
}

// PutTagCheck writes what was found of a tag.
func (t *Tx) PutTagCheck(ctx context.Context, c TagCheck) error {
	_, err := t.exec(ctx, `INSERT INTO tag_checks (account, tag, image, policy, action, vulnerabilities, found)
		VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (account, tag) DO UPDATE SET image = excluded.image, policy = excluded.policy, action = excluded.action,
			vulnerabilities = excluded.vulnerabilities, found = excluded.found`,
		c.Account, c.Tag, c.Image, c.Policy, c.Action, c.Vulnerabilities, c.Found)
	return err
}

// Meant is the image that a tag means now and the one that it meant before, by
// number and digest alone; ErrNone where it never meant another.
func (t *Tx) Meant(ctx context.Context, g Tag) (now, before Image, err error) {
	var all []Image
	err = t.each(ctx, `SELECT i.id, i.digest FROM tags t JOIN images i ON i.id = t.image
		WHERE t.account = $1 AND t.registry = $2 AND t.repository = $3 AND t.tag = $4
		ORDER BY t.created_at DESC, t.image DESC LIMIT 2`,
		[]any{g.Account, g.Registry, g.Repository, g.Tag}, func(rows *sql.Rows) error {
			var i Image
			err := rows.Scan(&i.ID, &i.Digest)
			all = append(all, i)
			return err
		})
	if err == nil && len(all) < 2 {
		err = ErrNone
	}
	if err != nil {
		return now, before, err
	}
	return all[0], all[1], nil
}
