package main

import (
	"net/http"
	"net/url"

	"github.com/tidepole/tidepole/formats/wire"
)

var queueCases = []Case{
	{"list_queue", "work is listed by its state, a page at a time", func(r *Run) {
		var q wire.Queue
		r.Call("list_queue", Options{Query: url.Values{"all_accounts": {"true"}, "state": {"running"}, "page": {"1"}, "limit": {"1"}}}).JSON(&q)
		if q.Page != 1 || q.Limit != 1 || len(q.Items) > 1 {
			r.Failf("%+v", q)
		}
		for _, query := range []url.Values{{"state": {"lost"}}, {"page": {"0"}}, {"limit": {"-1"}}, {"all_accounts": {"perhaps"}}} {
			r.Call("list_queue", Options{Query: query, Expect: http.StatusBadRequest})
		}
	}},
	{"get_image_queue", "an analysed image has no work, and an attempt that went well", func(r *Run) {
		digest, gone := r.Imported(Imported{})
		defer gone()
		var q wire.ImageQueue
		r.Call("get_image_queue", Options{Path: digestPath(digest)}).JSON(&q)
		if q.Digest != digest || q.Status != wire.Analyzed || len(q.Attempts) != 1 || q.Attempts[0].Outcome != "done" || q.Attempts[0].Stage != "assess" {
			r.Failf("%+v", q)
		}
		for _, op := range []string{"cancel_image", "retry_image"} { // an analysed image stays so
			var i wire.Image
			if r.Call(op, Options{Path: digestPath(digest)}).JSON(&i); i.Digest != digest || i.Status != wire.Analyzed {
				r.Failf("%s: it is %s", op, i.Status)
			}
		}
		for _, op := range []string{"get_image_queue", "cancel_image", "retry_image"} {
			r.Call(op, Options{Path: digestPath("latest"), Expect: http.StatusBadRequest})
			r.Call(op, Options{Path: digestPath(randomDigest()), Expect: http.StatusNotFound})
		}
	}},
}
