package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
	"strings"
)

// Sum is what tells the rows of a table from others: how many there are, and a
// digest over all that does not depend on their order.
type Sum struct {
	Rows   int64  `json:"rows"`
	Digest string `json:"digest"` // hex: the sum of the rows' SHA-256 digests, modulo 2^256
}

// summer adds rows up.
type summer struct {
	rows int64
	sum  [4]uint64 // the lowest first
	buf  []byte
}

// add takes the values of a row in: integers, texts and null.
func (s *summer) add(values []any) error {
	s.buf = s.buf[:0]
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			s.buf = append(s.buf, 'n')
		case int64:
			s.buf = binary.BigEndian.AppendUint64(append(s.buf, 'i'), uint64(v))
		case string:
			s.buf = binary.BigEndian.AppendUint64(append(s.buf, 't'), uint64(len(v)))
			s.buf = append(s.buf, v...)
		default:
			return fmt.Errorf("a value is a %T, and only texts and integers are expected", v)
		}
	}
	digest := sha256.Sum256(s.buf)
	var carry uint64
	for i := range s.sum {
		s.sum[i], carry = bits.Add64(s.sum[i], binary.LittleEndian.Uint64(digest[8*i:]), carry)
	}
	s.rows++
	return nil
}

func (s *summer) total() Sum {
	var b [32]byte
	for i, n := range s.sum {
		binary.LittleEndian.PutUint64(b[8*i:], n)
	}
	return Sum{s.rows, hex.EncodeToString(b[:])}
}

// sum reads all rows of a table.
func (t *Tx) sum(ctx context.Context, table Table) (Sum, error) {
	var s summer
	err := t.rows(ctx, table, s.add)
	return s.total(), err
}

// rows visits all rows of a table. The values are visit's during the call only.
func (t *Tx) rows(ctx context.Context, table Table, visit func(values []any) error) error {
	values, into := make([]any, len(table.Columns)), make([]any, len(table.Columns))
	for i := range values {
		into[i] = &values[i]
	}
	err := t.each(ctx, `SELECT `+strings.Join(table.Columns, ", ")+` FROM `+table.Name, nil, func(rows *sql.Rows) error {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		return visit(values)
	})
	if err != nil {
		return fmt.Errorf("read the table %s: %w", table.Name, err)
	}
	return nil
}
