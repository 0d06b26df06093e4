package image

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// Bounds of what is tried to tell a layer by its folder.
const (
	maxTried      = 200      // layers of the image
	maxLegacyJSON = 64 << 10 // bytes of the file json
)

// chain is the digests that Docker knows stacks of layers by: of the lowest, the
// lowest two and so on.
func chain(diffIDs []string) []string {
	all := make([]string, len(diffIDs))
	for i, diffID := range diffIDs {
		all[i] = diffID
		if i > 0 {
			all[i] = hashOf([]byte(all[i-1] + " " + diffID)).String()
		}
	}
	return all
}

// legacy is the diff ID of a layer in the archive of a Docker before 25. It lies
// in a folder called by the digest of what the folder's file json says together
// with the stack of layers that ends with it: which that is is found by trying.
func (x *export) legacy(name string) (v1.Hash, bool) {
	dir := path.Dir(name)
	file, ok := x.files[path.Join(dir, "json")]
	if path.Base(name) != "layer.tar" || !isHex(dir) || !ok || len(file.data) > maxLegacyJSON || len(x.chain) > maxTried {
		return v1.Hash{}, false
	}
	var said map[string]json.RawMessage
	if json.Unmarshal(file.data, &said) != nil || said == nil {
		return v1.Hash{}, false
	}
	delete(said, "id")
	var parent string
	if json.Unmarshal(said["parent"], &parent) == nil {
		said["parent"], _ = json.Marshal("sha256:" + parent)
	}
	// Of the topmost layer "os" belongs to it, of the others it does not.
	for range 2 {
		for i, stack := range x.chain {
			said["layer_id"], _ = json.Marshal(stack)
			data, err := json.Marshal(said)
			if err != nil {
				return v1.Hash{}, false
			}
			if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) == dir {
				h, err := v1.NewHash(x.diffIDs[i])
				return h, err == nil
			}
		}
		delete(said, "os")
	}
	return v1.Hash{}, false
}
