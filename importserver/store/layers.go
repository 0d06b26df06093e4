package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// SetLayers replaces the layers that an image is made of, the lowest first.
func (t *Tx) SetLayers(ctx context.Context, image int64, diffIDs []string) error {
	if _, err := t.exec(ctx, `DELETE FROM image_layers WHERE image = $1`, image); err != nil {
		return err
	}
	account, err := t.owner(ctx, image)
	if err != nil {
		return err
	}
	for place, chain := range chains(diffIDs) {
		top := 0
		if place == len(diffIDs)-1 {
			top = 1
		}
		_, err := t.exec(ctx, `INSERT INTO image_layers (image, account, place, diff_id, chain, top) VALUES ($1, $2, $3, $4, $5, $6)`,
			image, account, place, diffIDs[place], chain, top)
		if err != nil {
			return fmt.Errorf("write layer %d: %w", place, err)
		}
	}
	return nil
}

// chains are the chain ids of layers, as the OCI image specification has them.
func chains(diffIDs []string) []string {
	all := make([]string, len(diffIDs))
	for i, id := range diffIDs {
		all[i] = id
		if i > 0 {
			sum := sha256.Sum256([]byte(all[i-1] + " " + id))
			all[i] = "sha256:" + hex.EncodeToString(sum[:])
		}
	}
	return all
}

// Layers are the diff ids of an image's layers, the lowest first.
func (t *Tx) Layers(ctx context.Context, image int64) (layers []string, err error) {
	err = t.each(ctx, `SELECT diff_id FROM image_layers WHERE image = $1 ORDER BY place`, []any{image}, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		layers = append(layers, id)
		return err
	})
	return layers, err
}

// Ancestor is an image that another is built on.
type Ancestor struct {
	Image
	Layers int // that both have
}

// Ancestors are those of the account's analysed images all of whose layers are
// the lowest of an image, and not all of it: those with the most layers first,
// of equals the newest; at most limit. How they were asked for is not read.
func (t *Tx) Ancestors(ctx context.Context, i Image, limit int) ([]Ancestor, error) {
	var all []Ancestor
	columns := strings.Replace(imageColumns, "i.request", "'{}'", 1) // it may have a Dockerfile
	err := t.each(ctx, `SELECT theirs.place, `+columns+` FROM image_layers mine
		JOIN image_layers theirs ON theirs.account = mine.account AND theirs.chain = mine.chain AND theirs.top = 1
		JOIN images i ON i.id = theirs.image
		WHERE mine.image = $1 AND mine.top = 0 AND i.status = 'analyzed'
		ORDER BY theirs.place DESC, i.created_at DESC, i.id DESC LIMIT $2`, []any{i.ID, limit}, func(rows *sql.Rows) error {
		var place int
		found, err := scanImage(after{rows, []any{&place}})
		all = append(all, Ancestor{found, place + 1})
		return err
	})
	return all, err
}

// after reads a row's first columns, and gives the others to who scans it.
type after struct {
	row   scanner
	first []any
}

func (a after) Scan(others ...any) error { return a.row.Scan(append(a.first, others...)...) }

// inChunks runs a query, in which %s stands for a list of numbers, for some of
// them at a time. The numbers are part of the text: as parameters they would take
// a quarter of a long answer's time.
func (t *Tx) inChunks(ctx context.Context, query string, args []any, all []int64, scan func(*sql.Rows) error) error {
	for part := range slices.Chunk(all, 5*chunk) {
		if err := t.each(ctx, fmt.Sprintf(query, numbers(part)), args, scan); err != nil {
			return err
		}
	}
	return nil
}

// numbers are a list of them as SQL has it.
func numbers(all []int64) string {
	text := make([]byte, 0, 8*len(all))
	for i, n := range all {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, n, 10)
	}
	return string(text)
}
