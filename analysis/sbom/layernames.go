package sbom

import (
	"slices"
	"strings"

	"github.com/anchore/syft/syft/file"
)

// layerNames are the names of an image's layers, by number.
type layerNames struct {
	list   []string
	number map[string]int
	bound  map[int]bool // layers whose names matter beyond places
}

func newLayerNames(ids []string) *layerNames {
	n := &layerNames{list: ids, number: map[string]int{}, bound: map[int]bool{}}
	for i, id := range ids {
		n.number[id] = i // one that is there twice counts where it is last
		if len(id) != layerNameSize || !strings.HasPrefix(id, layerPrefix) {
			n.bound[i] = true // would not be seen in a text
		}
	}
	return n
}

const (
	layerPrefix   = "sha256:"
	layerNameSize = len(layerPrefix) + 64
)

// look looks for the names of layers in a text.
func (n *layerNames) look(text string) {
	for {
		at := strings.Index(text, layerPrefix)
		if at < 0 || len(text)-at < layerNameSize {
			return
		}
		if i, ok := n.number[text[at:at+layerNameSize]]; ok {
			n.bound[i] = true
		}
		text = text[at+len(layerPrefix):]
	}
}

// across notes the layers of places of one package, if they are several: syft
// orders such places by the layers' names.
func (n *layerNames) across(places []file.Location) {
	for _, at := range places {
		if at.FileSystemID != places[0].FileSystemID {
			for _, at := range places {
				if i, ok := n.number[at.FileSystemID]; ok {
					n.bound[i] = true
				}
			}
			return
		}
	}
}

func (n *layerNames) listBound() (bound []string) {
	for i := range n.bound {
		bound = append(bound, n.list[i])
	}
	slices.Sort(bound)
	return slices.Compact(bound)
}
