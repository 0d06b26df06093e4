package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

// requestTime is how long a user waits for an answer.
const requestTime = 8 * time.Second

// request asks for something to be done to an image that nothing is being asked of,
// and goes on while the answer is awaited.
func request(do func(*client.Client, context.Context, *image, bool) error, there, force bool) func(*World, context.Context) (bool, error) {
	return func(w *World, ctx context.Context) (bool, error) {
		i := w.images[w.random.IntN(len(w.images))]
		select {
		case w.places <- struct{}{}:
		default:
			return false, nil
		}
		if !i.busy.TryLock() {
			<-w.places
			return false, nil
		}
		w.asking.Go(func() {
			defer func() { i.busy.Unlock(); <-w.places }()
			ctx, cancel := context.WithTimeout(ctx, requestTime)
			defer cancel()
			w.figures.asked(w.ask(ctx, i, there, func(c *client.Client) error { return do(c, ctx, i, force) }))
		})
		return true, nil
	}
}

// ask makes a request after which the image's record is there, or is not.
func (w *World) ask(ctx context.Context, i *image, there bool, do func(*client.Client) error) error {
	again := false
	c, err := w.connect(w.front.address(), func(client.Notice) { again = true })
	if err != nil {
		return err
	}
	defer c.Close()
	err = do(c)
	switch {
	case err == nil:
		i.there, i.unsure = there, i.unsure || again
	case again || !refused(err):
		i.unsure = true
	}
	return err
}

// refused tells whether the server answered that it did not do it.
func refused(err error) bool {
	switch fault.Of(err) {
	case fault.Invalid, fault.Denied, fault.Forbidden, fault.NotFound, fault.Conflict, fault.TooLarge, fault.Unsupported:
		return true
	}
	return false
}

func add(c *client.Client, ctx context.Context, i *image, force bool) error {
	_, err := c.AddImage(ctx, wire.ImageRequest{Source: wire.ImageSource{Tag: &wire.TagSource{PullString: i.name}}},
		wire.AddOptions{Force: force, NoSubscribe: true})
	return err
}

func bring(c *client.Client, ctx context.Context, i *image, force bool) error {
	if i.evidence == "" {
		return add(c, ctx, i, force)
	}
	f, err := os.Open(i.evidence)
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := bundle.ReadFile(f, filepath.Dir(i.evidence), bundle.Limits{})
	if err != nil {
		return err
	}
	defer b.Close()
	_, err = c.Import(ctx, b, wire.AddOptions{Force: force, NoSubscribe: true})
	return err
}

func remove(c *client.Client, ctx context.Context, i *image, force bool) error {
	list, err := c.DeleteImages(ctx, []string{i.digest}, force)
	if err == nil && len(list) == 1 && list[0].Status == "delete_failed" {
		return fault.New(fault.Conflict, "%s", list[0].Detail)
	}
	return err
}

// cancel ends the work on an image, and retry takes it up again: requests that leave
// its record there, or not there.
func (w *World) cancel(ctx context.Context) (bool, error) {
	return w.post(ctx, (*client.Client).Cancel)
}

func (w *World) retry(ctx context.Context) (bool, error) { return w.post(ctx, (*client.Client).Retry) }

func (w *World) post(ctx context.Context, do func(*client.Client, context.Context, string) (wire.Image, error)) (bool, error) {
	i := w.images[w.random.IntN(len(w.images))]
	w.asking.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, requestTime)
		defer cancel()
		_, err := do(w.client, ctx, i.digest)
		w.figures.asked(err)
	})
	return true, nil
}

func (w *World) list(ctx context.Context) (bool, error) {
	w.asking.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, requestTime)
		defer cancel()
		_, err := w.client.Images(ctx, wire.ImageFilter{})
		w.figures.asked(err)
	})
	return true, nil
}

// renew imports the next vulnerability database, so that all images are to be
// assessed anew.
func (w *World) renew(ctx context.Context) (bool, error) {
	if len(w.Databases) == 0 {
		return false, nil
	}
	return w.database.change(w, ctx, 3*requestTime, func(c *client.Client, ctx context.Context) (string, error) { return w.load(ctx, c) }), nil
}

// load imports the next vulnerability database, and gives its digest.
func (w *World) load(ctx context.Context, c *client.Client) (string, error) {
	name := w.Databases[w.next%len(w.Databases)]
	w.next++
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	d, err := c.ImportDatabase(ctx, f, filepath.Base(name), "")
	return d.Digest, err
}
