package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Image is an image of an account: the truth about where it stands.
type Image struct {
	ID           int64
	Account      string
	Digest       string
	ParentDigest string
	ImageID      string
	Annotations  map[string]string
	Request      Request
	Status       string // wire.NotAnalyzed and so on
	Reason       string // why it failed, or what it waits for
	Attempts     int    // how often work on it was begun since it was asked for
	Origin       string // of the evidence: client, server; "" while there is none
	Evidence     string // digest over the parts' digests; "" while there is none
	Facts        Facts
	CreatedAt    time.Time
	UpdatedAt    time.Time
	AnalyzedAt   time.Time
}

// Request is how a server comes to an image that it analyses itself.
type Request struct {
	PullString string `json:"pull_string,omitempty"`
	Platform   string `json:"platform,omitempty"`
	Dockerfile []byte `json:"dockerfile,omitempty"`
}

// Facts are what an image's record shows once it is analysed.
type Facts struct {
	Arch           string `json:"arch"`
	Distro         string `json:"distro"`
	DistroVersion  string `json:"distro_version"`
	DockerfileMode string `json:"dockerfile_mode"`
	Size           int64  `json:"size"`
	Layers         int    `json:"layers"`
	Gaps           int    `json:"gaps"`
	NoFiles        bool   `json:"no_files,omitempty"` // the document lists packages only
}

const imageColumns = `i.id, i.account, i.digest, i.parent_digest, i.image_id, i.annotations, i.request, i.status,
	i.reason, i.attempts, i.origin, i.evidence, i.facts, i.created_at, i.updated_at, i.analyzed_at`

func scanImage(row scanner) (Image, error) {
	var i Image
	var annotations, request, facts string
	var created, updated, analyzed int64
	err := row.Scan(&i.ID, &i.Account, &i.Digest, &i.ParentDigest, &i.ImageID, &annotations, &request, &i.Status,
		&i.Reason, &i.Attempts, &i.Origin, &i.Evidence, &facts, &created, &updated, &analyzed)
	if err != nil {
		return i, err
	}
	i.CreatedAt, i.UpdatedAt, i.AnalyzedAt = fromMicros(created), fromMicros(updated), fromMicros(analyzed)
	err = errors.Join(
		json.Unmarshal([]byte(annotations), &i.Annotations),
		json.Unmarshal([]byte(request), &i.Request),
		json.Unmarshal([]byte(facts), &i.Facts),
	)
	if err != nil {
		return i, fmt.Errorf("read the row of image %d: %w", i.ID, err)
	}
	return i, nil
}

// asJSON is for values that always can be written as JSON.
func asJSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("store: %T is not JSON: %v", v, err))
	}
	return string(data)
}

// Image is an account's image; ErrNone where it has none of that digest.
func (t *Tx) Image(ctx context.Context, account, digest string) (Image, error) {
	return scanImage(t.row(ctx, t.kept(`SELECT `+imageColumns+` FROM images i WHERE i.account = $1 AND i.digest = $2`), account, digest))
}

// ImageByID is the image of a row number.
func (t *Tx) ImageByID(ctx context.Context, id int64) (Image, error) {
	return scanImage(t.row(ctx, t.kept(`SELECT `+imageColumns+` FROM images i WHERE i.id = $1`), id))
}

// Query chooses images of an account; empty fields choose all.
type Query struct {
	Registry, Repository, Tag string // all three, or none
	ImageID                   string
	Status                    string
	Limit                     int // 0: none
}

// Images are an account's images, newest first; with a tag, in the order in
// which the tag named them.
func (t *Tx) Images(ctx context.Context, account string, q Query) ([]Image, error) {
	where, args := []string{"i.account = $1"}, []any{account}
	add := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(args)), 1)
		}
		where = append(where, condition)
	}
	join, order := "", "i.created_at DESC, i.id DESC"
	if q.Tag != "" {
		join = " JOIN tags t ON t.image = i.id"
		order = "t.created_at DESC, t.image DESC"
		add("t.account = ?", account)
		add("t.registry = ? AND t.repository = ? AND t.tag = ?", q.Registry, q.Repository, q.Tag)
	}
	if q.ImageID != "" {
		add("i.image_id = ?", q.ImageID)
	}
	if q.Status != "" {
		add("i.status = ?", q.Status)
	}
	query := `SELECT ` + imageColumns + ` FROM images i` + join + ` WHERE ` + strings.Join(where, " AND ") + ` ORDER BY ` + order
	if q.Limit > 0 {
		query += fmt.Sprintf(" LIMIT %d", q.Limit)
	}
	var images []Image
	err := t.each(ctx, query, args, func(rows *sql.Rows) error {
		i, err := scanImage(rows)
		images = append(images, i)
		return err
	})
	return images, err
}

// InsertImage adds a row and gives it its number.
func (t *Tx) InsertImage(ctx context.Context, i *Image) error {
	ids, err := t.take(ctx, "images", 1)
	if err != nil {
		return err
	}
	i.ID = ids[0]
	t.changes(i.ID)
	_, err = t.exec(ctx, `INSERT INTO images (id, account, digest, parent_digest, image_id, annotations, request, status,
			reason, attempts, origin, evidence, facts, created_at, updated_at, analyzed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)`,
		i.ID, i.Account, i.Digest, i.ParentDigest, i.ImageID, asJSON(i.Annotations), asJSON(i.Request), i.Status,
		i.Reason, i.Attempts, i.Origin, i.Evidence, asJSON(i.Facts), micros(i.CreatedAt), micros(i.UpdatedAt), micros(i.AnalyzedAt))
	if err != nil {
		return fmt.Errorf("add image %s: %w", i.Digest, err)
	}
	return nil
}

// UpdateImage writes what an image's owner may change: all but the status.
func (t *Tx) UpdateImage(ctx context.Context, i Image) error {
	t.changes(i.ID)
	n, err := t.exec(ctx, `UPDATE images SET parent_digest = $2, image_id = $3, annotations = $4, request = $5,
			origin = $6, evidence = $7, facts = $8, updated_at = $9
		WHERE id = $1`,
		i.ID, i.ParentDigest, i.ImageID, asJSON(i.Annotations), asJSON(i.Request),
		i.Origin, i.Evidence, asJSON(i.Facts), micros(i.UpdatedAt))
	return touched(n, err, "update image %s", i.Digest)
}

// DeleteImage removes an image and every row that hangs on it.
func (t *Tx) DeleteImage(ctx context.Context, id int64) error {
	n, err := t.exec(ctx, `DELETE FROM images WHERE id = $1`, id)
	return touched(n, err, "delete image %d", id)
}

// touched makes ErrNone of a statement that found nothing.
func touched(n int64, err error, format string, args ...any) error {
	if err == nil && n == 0 {
		err = ErrNone
	}
	if err != nil {
		return fmt.Errorf(format+": %w", append(args, err)...)
	}
	return nil
}

// CountImages counts all accounts' images by status.
func (t *Tx) CountImages(ctx context.Context) (map[string]int, error) {
	counts := map[string]int{}
	err := t.each(ctx, `SELECT status, count(*) FROM images GROUP BY status`, nil, func(rows *sql.Rows) error {
		var status string
		var n int
		err := rows.Scan(&status, &n)
		counts[status] = n
		return err
	})
	return counts, err
}
