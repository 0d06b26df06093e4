package importserver_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

// namesOf are a hundred names.
func namesOf(repository string) (all []string) {
	for n := range 100 {
		all = append(all, fmt.Sprintf("a.example/%s:%d", repository, n))
	}
	return all
}

// TestDockerfileIsShownWithinBounds imports one of an image that has many names.
func TestDockerfileIsShownWithinBounds(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	b := newBundle(t, image{digest: digestOf(1), tags: namesOf("one")})
	file := bytes.Repeat([]byte("# nothing\n"), bundle.MaxDockerfile/10)
	if err := b.WriteBytes(bundle.Dockerfile, "text/plain", file); err != nil {
		t.Fatal(err)
	}
	receipt, err := r.Import(t.Context(), b, wire.AddOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r.await(digestOf(1), wire.Analyzed)
	got, err := r.Image(t.Context(), digestOf(1))
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []wire.Image{receipt.Image, got} {
		shown := 0
		for _, d := range i.Detail {
			if d.Dockerfile != nil {
				shown += len(*d.Dockerfile)
			}
		}
		if len(i.Detail) != 100 || i.Detail[0].Dockerfile == nil || *i.Detail[0].Dockerfile != base64.StdEncoding.EncodeToString(file) || shown > 4<<20 {
			t.Errorf("%d bytes are shown with %d names", shown, len(i.Detail))
		}
	}

	var op wire.Operation
	r.call("POST", wire.RouteOperations, "", &op)
	path := wire.Path(wire.RoutePart, op.UUID, "dockerfile")
	resp, text := r.request("POST", path, bytes.NewReader(append(file, bytes.Repeat([]byte("#"), 20)...)), func(req *http.Request) { req.Header.Set("Content-Type", "text/plain") })
	if resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a longer one: %d %s", resp.StatusCode, text)
	}
}

// TestNamesOfAnImageAreBounded adds an image under more names than it may have.
func TestNamesOfAnImageAreBounded(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	add := func(tags ...string) error {
		_, err := r.Import(t.Context(), newBundle(t, image{digest: digestOf(1), tags: tags}), wire.AddOptions{})
		return err
	}
	for n := range 10 {
		if err := add(namesOf(fmt.Sprint("r", n))...); err != nil {
			t.Fatal(err)
		}
	}
	if err := add("a.example/one:more"); fault.Of(err) != fault.Invalid || fault.Hint(err) == "" {
		t.Errorf("one more: %v", err)
	}
	if err := add("a.example/r3:7"); err != nil {
		t.Errorf("one that it has: %v", err)
	}
}
