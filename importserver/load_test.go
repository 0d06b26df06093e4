package importserver_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/tidepole/tidepole/formats/wire"
)

// TestManyClientsEndWithOneRecordAnImage has 200 clients import 20 images at once,
// over HTTP.
func TestManyClientsEndWithOneRecordAnImage(t *testing.T) {
	const clients, images = 200, 20
	r := start(t, &engine{}, options(t.TempDir()))
	post := func(path, body string, into any) error {
		req, err := http.NewRequest("POST", r.web.URL+path, strings.NewReader(body))
		if err != nil {
			return err
		}
		req.SetBasicAuth("admin", password)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err == nil && resp.StatusCode >= 300 {
			err = fmt.Errorf("%s: %d %s", path, resp.StatusCode, text)
		}
		if err != nil {
			return err
		}
		return json.Unmarshal(text, into)
	}
	send := func(n int) error {
		digest := digestOf(n%images + 1)
		var op wire.Operation
		if err := post(wire.RouteOperations, "{}", &op); err != nil {
			return err
		}
		contents := map[string]string{}
		for part, text := range map[string]string{
			"packages": document, "manifest": `{"schemaVersion":2,"layers":[{"digest":"` + digest + `","size":1,"mediaType":"x"}]}`,
			"image-config": `{"architecture":"amd64","os":"linux","rootfs":{"diff_ids":["` + digest + `"]}}`,
		} {
			var u wire.Upload
			if err := post(wire.Path(wire.RoutePart, op.UUID, part), text, &u); err != nil {
				return err
			}
			contents[wire.PartKind(part)] = u.Digest
		}
		body, err := json.Marshal(wire.ImageRequest{Source: wire.ImageSource{Import: &wire.ImportSource{
			Operation: op.UUID, Digest: digest, Tags: []string{fmt.Sprintf("load/%d:%d", n%images, n%3)}, Contents: contents,
		}}})
		if err != nil {
			return err
		}
		var i wire.Image
		return post(wire.RouteImages, string(body), &i)
	}
	var all sync.WaitGroup
	for n := range clients {
		all.Go(func() {
			if err := send(n); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	var list wire.ImageList
	r.call("GET", wire.RouteImages, "", &list)
	records := map[string]int{}
	for _, i := range list.Items {
		records[i.Digest]++
		r.await(i.Digest, wire.Analyzed)
	}
	if len(list.Items) != images || len(records) != images {
		t.Errorf("%d records of %d images, want one of each of %d", len(list.Items), len(records), images)
	}
	for _, i := range list.Items {
		r.call("GET", wire.Path(wire.RouteImage, i.Digest), "", &i)
		begun := 0
		for _, s := range i.StatusDetail {
			if s.To == wire.Analyzed {
				begun++
			}
		}
		if len(i.Detail) != 3 || begun != 1 {
			t.Errorf("%s has %d names and was analysed %d times", i.Digest, len(i.Detail), begun)
		}
	}
}
