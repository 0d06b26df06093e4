package bundle

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"

	jsonv2 "github.com/go-json-experiment/json"
)

// Selection says what CopyPackages copies, and is told what there is. Bytes that its
// functions are given hold until they return.
type Selection struct {
	Package      func(raw []byte) (bool, error) // nil: all packages
	Relationship func(Relationship) bool        // nil: none
	Rest         func(name string, raw []byte)  // is told what else there is, all of which is copied; may be nil
}

// CopyPackages copies a syft document without its files, and with those packages
// and relationships alone that are selected. Everything else of it stays as it is,
// in its order. Only one element is in memory at a time, and none of more than
// 64 MiB. An error of r is wrapped; all others are the document's.
func CopyPackages(w io.Writer, r io.Reader, s Selection) error {
	c := copier{elements: newElements(r), out: bufio.NewWriterSize(w, 64<<10), Selection: s}
	c.out.WriteByte('{')
	first := true
	_, err := c.members(func(name string) error {
		if !first {
			c.out.WriteByte(',')
		}
		first = false
		quoted, err := json.Marshal(name)
		if err != nil {
			return err
		}
		c.out.Write(quoted)
		c.out.WriteByte(':')
		return c.member(name)
	})
	if err != nil {
		return fmt.Errorf("read syft document: %w", err)
	}
	c.out.WriteByte('}')
	return c.out.Flush()
}

type copier struct {
	*elements
	Selection
	out *bufio.Writer
}

func (c copier) member(name string) error {
	switch name {
	case "files":
		c.out.WriteString("[]")
		return c.list(c.skip)
	case "artifacts":
		return c.copyList(func(raw []byte) (bool, error) {
			if c.Package == nil {
				return true, nil
			}
			return c.Package(raw)
		})
	case "artifactRelationships":
		return c.copyList(func(raw []byte) (bool, error) {
			var rel Relationship
			err := jsonv2.Unmarshal(raw, &rel, c.from.Options())
			return c.Relationship != nil && c.Relationship(rel), err
		})
	}
	raw, err := c.raw()
	if err != nil {
		return err
	}
	if c.Rest != nil {
		c.Rest(name, raw)
	}
	_, err = c.out.Write(raw)
	return err
}

// copyList copies those elements of a list that are wanted.
func (c copier) copyList(wanted func(raw []byte) (bool, error)) error {
	c.out.WriteByte('[')
	between := false
	err := c.list(func() error {
		raw, err := c.raw()
		if err != nil {
			return err
		}
		ok, err := wanted(raw)
		if err != nil || !ok {
			return err
		}
		if between {
			c.out.WriteByte(',')
		}
		between = true
		_, err = c.out.Write(raw)
		return err
	})
	c.out.WriteByte(']')
	return err
}
