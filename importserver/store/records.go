package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// recordedSteps is how many of an image's newest steps are rendered.
const recordedSteps = 100

// Rendered is what is shown of an image.
type Rendered struct {
	Record    []byte   // by lists of images
	Reference []byte   // by answers that name images, among other things
	Summary   []byte   // by lists of tags, of each of its tags before what is the tag's own
	Tags      [][]byte // by lists of tags: what is each tag's own, in their order, which must not change with the image
}

// Renderer makes of an image what is shown of it.
type Renderer func(Image, []Tag, []Transition) (Rendered, error)

// renderingSetting is the version of the rendering that all images were rendered by.
const renderingSetting = "rendering"

// Rendering has each transaction that changes an image render it anew. It is set
// before anything is written. Where the last rendering was of another version, all
// images are rendered by this one at once, and else those that never were.
func (s *Store) Rendering(ctx context.Context, version string, r Renderer) error {
	s.render = r
	last, err := s.View().Setting(ctx, renderingSetting)
	if err != nil {
		return err
	}
	query := `SELECT i.id FROM images i LEFT JOIN image_records r ON r.image = i.id WHERE r.image IS NULL AND i.id > $1 ORDER BY i.id LIMIT 500`
	if last != version {
		query = `SELECT id FROM images WHERE id > $1 ORDER BY id LIMIT 500`
	}
	for after := int64(0); ; {
		before := after
		err := s.InTx(ctx, func(tx *Tx) error {
			after = before
			return tx.each(ctx, query, []any{before}, func(rows *sql.Rows) error {
				err := rows.Scan(&after)
				tx.changed[after] = true
				tx.anew = last != version
				return err
			})
		})
		if err != nil {
			return err
		}
		if after == before {
			break
		}
	}
	if last == version {
		return nil
	}
	return s.InTx(ctx, func(tx *Tx) error { return tx.SetSetting(ctx, renderingSetting, version) })
}

// changes notes that a transaction changes what is shown of an image.
func (t *Tx) changes(image int64) {
	if t.changed != nil {
		t.changed[image] = true
	}
}

// renderChanged writes what is shown of the images that the transaction changed.
func (t *Tx) renderChanged(ctx context.Context, render Renderer) error {
	for _, id := range slices.Sorted(maps.Keys(t.changed)) {
		i, err := t.ImageByID(ctx, id) // nobody else changes what is read after it
		if errors.Is(err, ErrNone) {
			continue // deleted, and its record with it
		}
		if err != nil {
			return err
		}
		tags, err := t.Tags(ctx, id)
		if err != nil {
			return err
		}
		steps, err := t.Transitions(ctx, id, recordedSteps)
		if err != nil {
			return err
		}
		r, err := render(i, tags, steps)
		if err != nil {
			return fmt.Errorf("render image %s: %w", i.Digest, err)
		}
		_, err = t.exec(ctx, `INSERT INTO image_records (image, account, created_at, status, analyzed_at, body) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (image) DO UPDATE SET status = excluded.status, analyzed_at = excluded.analyzed_at, body = excluded.body`,
			id, i.Account, micros(i.CreatedAt), i.Status, micros(i.AnalyzedAt), string(r.Record))
		if err != nil {
			return err
		}
		_, err = t.exec(ctx, `INSERT INTO image_references (image, body, summary) VALUES ($1, $2, $3)
			ON CONFLICT (image) DO UPDATE SET body = excluded.body, summary = excluded.summary`, id, string(r.Reference), string(r.Summary))
		if err != nil {
			return err
		}
		if err := t.renderTags(ctx, tags, r.Tags); err != nil {
			return err
		}
	}
	return nil
}

// renderTags writes what is shown of those tags that were never rendered: an image may
// have thousands, and most of its changes are none of theirs.
func (t *Tx) renderTags(ctx context.Context, tags []Tag, shown [][]byte) error {
	for n, g := range tags {
		if g.rendered && !t.anew {
			continue
		}
		_, err := t.exec(ctx, `UPDATE tags SET summary = $5 WHERE image = $1 AND registry = $2 AND repository = $3 AND tag = $4`,
			g.Image, g.Registry, g.Repository, g.Tag, string(shown[n]))
		if err != nil {
			return err
		}
	}
	return nil
}

// RecordQuery chooses images of a list; zero fields choose all.
type RecordQuery struct {
	Registry, Repository, Tag string // all three, or none
	ImageID                   string
	Image                     int64 // the row's number
	Status                    string
	AnalyzedSince             time.Time
	Limit                     int
}

// list is what is chosen, newest first: of a tag, in the order in which it named them.
func (q RecordQuery) list(account string) parts {
	p := parts{columns: `r.created_at, r.image`, from: ` FROM image_records r`, where: `r.account = $1`, args: []any{account}, limit: q.Limit}
	add := func(condition string, value any) {
		p.args = append(p.args, value)
		p.where += fmt.Sprintf(` AND `+condition+` $%d`, len(p.args))
	}
	switch {
	case q.Tag != "":
		p.columns, p.from, p.where = `t.created_at, t.image`, ` FROM tags t JOIN image_records r ON r.image = t.image`, `t.account = $1`
		add(`t.registry =`, q.Registry)
		add(`t.repository =`, q.Repository)
		add(`t.tag =`, q.Tag)
	case q.ImageID != "":
		p.from, p.where = ` FROM images i JOIN image_records r ON r.image = i.id`, `i.account = $1`
	}
	if q.ImageID != "" {
		if q.Tag != "" {
			p.from += ` JOIN images i ON i.id = t.image`
		}
		add(`i.image_id =`, q.ImageID)
	}
	if q.Image != 0 {
		add(`r.image =`, q.Image)
	}
	if q.Status != "" {
		add(`r.status =`, q.Status)
	}
	if !q.AnalyzedSince.IsZero() {
		add(`r.analyzed_at >=`, micros(q.AnalyzedSince))
	}
	p.query = func(where string) string {
		return `SELECT r.body AS one` + p.from + ` WHERE ` + where + ` ORDER BY ` + p.descending()
	}
	return p
}

// First is the number of the first image of a list; ErrNone where that is empty.
func (t *Tx) First(ctx context.Context, account string, q RecordQuery) (image int64, err error) {
	p := q.list(account)
	err = t.one(ctx, `SELECT r.image`+p.from+` WHERE `+p.where+` ORDER BY `+p.descending()+` LIMIT 1`, p.args, []any{&image})
	return image, err
}

// recordsAtOnce is how many records one statement reads: no statement stays open
// for as long as a client takes to read its answer.
const recordsAtOnce = 500

// Separator stands between what was rendered where several are read at once: as the
// elements of a list in JSON.
const Separator = ",\n"

// Records visits what is shown of an account's images, newest first, many at once with
// Separator between them: the database joins them, which is cheaper than to read each.
// They are visit's until it returns.
func (t *Tx) Records(ctx context.Context, account string, q RecordQuery, visit func(records []byte) error) error {
	return t.inParts(ctx, q.list(account), func(some []byte, _ int) error { return visit(some) })
}

// parts is a list that is read in parts.
type parts struct {
	columns     string // a time and a number, by which it is ordered, the greatest first
	from, where string
	args        []any
	query       func(where string) string // gives the part that is chosen, in its column "one"
	limit       int                       // 0: none
}

// descending is the list's order, as SQL has it.
func (p parts) descending() string { return strings.ReplaceAll(p.columns, ",", " DESC,") + " DESC" }

// inParts visits a list, recordsAtOnce rows at a time, and more where they are of one
// time and number: with Separator between them.
func (t *Tx) inParts(ctx context.Context, p parts, visit func(some []byte, rows int) error) error {
	var text joined
	first, second := int64(1)<<62, int64(1)<<62
	for left := p.limit; ; {
		where := p.where + fmt.Sprintf(` AND (%s) < ($%d, $%d)`, p.columns, len(p.args)+1, len(p.args)+2)
		args := append(slices.Clone(p.args), first, second)
		ending, last := "", false
		if 0 < left && left <= recordsAtOnce {
			ending, last = fmt.Sprintf(` LIMIT %d`, left), true
		} else {
			err := t.one(ctx, `SELECT `+p.columns+p.from+` WHERE `+where+fmt.Sprintf(` ORDER BY %s LIMIT 1 OFFSET %d`, p.descending(), recordsAtOnce-1),
				args, []any{&first, &second})
			if last = errors.Is(err, ErrNone); err != nil && !last {
				return err
			}
		}
		if !last {
			where += fmt.Sprintf(` AND (%s) >= ($%d, $%d)`, p.columns, len(args)+1, len(args)+2)
			args = append(args, first, second)
		}
		rows, err := t.join(ctx, &text, p.query(where)+ending, args)
		if err == nil && rows > 0 {
			err = visit(text, rows)
		}
		if err != nil || last {
			return err
		}
		if left = max(left-rows, 0); p.limit > 0 && left == 0 {
			return nil
		}
	}
}

// joined is text that a database has joined of many rows.
type joined []byte

// Scan takes text over into the memory that is there already: what the driver gives
// is its own.
func (j *joined) Scan(src any) error {
	switch src := src.(type) {
	case []byte:
		*j = append((*j)[:0], src...)
	case string:
		*j = append((*j)[:0], src...)
	default: // there are no rows
		*j = (*j)[:0]
	}
	return nil
}

// join gives what is in the column "one" of a query's rows, with Separator in between,
// and how many rows they are.
func (t *Tx) join(ctx context.Context, into *joined, query string, args []any) (rows int, err error) {
	args = append(args, Separator)
	all := t.dialect.bytes(fmt.Sprintf(`string_agg(x.one, $%d)`, len(args)))
	err = t.one(ctx, `SELECT count(*), `+all+` FROM (`+query+`) x`, args, []any{&rows, into})
	return rows, err
}

// references are what is shown of some images, by the image, in the memory of text. No
// rendering has a line break, so that they can be told apart where they are joined.
func (t *Tx) references(ctx context.Context, text *joined, images []int64) (map[int64][]byte, error) {
	if _, err := t.join(ctx, text, `SELECT image || ' ' || body AS one FROM image_references WHERE image IN (`+numbers(images)+`)`, nil); err != nil {
		return nil, err
	}
	all := make(map[int64][]byte, len(images))
	for one := range bytes.SplitSeq(*text, []byte(Separator)) {
		number, reference, _ := bytes.Cut(one, []byte(" "))
		if image, err := strconv.ParseInt(string(number), 10, 64); err == nil {
			all[image] = reference
		}
	}
	return all, nil
}
