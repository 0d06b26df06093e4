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

// Layers are the diff ids of images' layers by image, the lowest first.
func (t *Tx) Layers(ctx context.Context, images []int64) (map[int64][]string, error) {
	layers := map[int64][]string{}
	err := t.inChunks(ctx, `SELECT image, diff_id FROM image_layers WHERE image IN (%s) ORDER BY image, place`, nil, images, func(rows *sql.Rows) error {
		var image int64
		var id string
		err := rows.Scan(&image, &id)
		layers[image] = append(layers[image], id)
		return err
	})
	return layers, err
}

// Ancestors are those of the account's analysed images all of whose layers are
// the lowest of an image, and not all of it: those with the most layers first,
// of equals the newest.
func (t *Tx) Ancestors(ctx context.Context, i Image) ([]Image, error) {
	var all []Image
	err := t.each(ctx, `SELECT `+imageColumns+` FROM image_layers mine
		JOIN image_layers theirs ON theirs.account = mine.account AND theirs.chain = mine.chain AND theirs.top = 1
		JOIN images i ON i.id = theirs.image
		WHERE mine.image = $1 AND mine.top = 0 AND i.status = 'analyzed'
		ORDER BY theirs.place DESC, i.created_at DESC, i.id DESC`, []any{i.ID}, func(rows *sql.Rows) error {
		found, err := scanImage(rows)
		all = append(all, found)
		return err
	})
	return all, err
}

// inChunks runs a query, in which %s stands for a list of numbers, for some of
// them at a time. The numbers are part of the text: as parameters they would take
// a quarter of a long answer's time.
func (t *Tx) inChunks(ctx context.Context, query string, args []any, numbers []int64, scan func(*sql.Rows) error) error {
	for part := range slices.Chunk(numbers, 5*chunk) {
		text := make([]string, len(part))
		for i, n := range part {
			text[i] = strconv.FormatInt(n, 10)
		}
		if err := t.each(ctx, fmt.Sprintf(query, strings.Join(text, ",")), args, scan); err != nil {
			return err
		}
	}
	return nil
}
