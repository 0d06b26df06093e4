package tree

import (
	"slices"
	"sync"

	stereofile "github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/syft/syft/file"
)

// references are those given out, one for each file.
type references struct {
	tree *Tree

	mu    sync.Mutex
	all   []stereofile.Reference // their ids rise; without paths
	nodes []int32                // of which they are
	of    []int32                // by node: its position in all and 1
}

// reference is the node's, the same each time.
func (r *references) reference(n int32) stereofile.Reference {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.of == nil {
		r.of = make([]int32, len(r.tree.nodes))
	}
	if r.of[n] == 0 {
		r.all = append(r.all, *stereofile.NewFileReference(""))
		r.nodes = append(r.nodes, n)
		r.of[n] = int32(len(r.all))
	}
	return r.all[r.of[n]-1]
}

// node is that of a reference.
func (r *references) node(ref stereofile.Reference) (int32, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i, ok := slices.BinarySearchFunc(r.all, ref.ID(), func(a stereofile.Reference, id stereofile.ID) int {
		switch {
		case a.ID() < id:
			return -1
		case a.ID() > id:
			return 1
		}
		return 0
	})
	if !ok {
		return none, false
	}
	return r.nodes[i], true
}

// location is that of a node with an entry.
func (t *Tree) location(access string, n int32) file.Location {
	own := t.path(n)
	if access == "" {
		access = own
	}
	ref := t.given.reference(n)
	ref.RealPath = stereofile.Path(own)
	l := file.NewVirtualLocationFromDirectory(own, access, ref)
	l.FileSystemID = t.layers[t.nodes[n].layer].ID
	return l
}
