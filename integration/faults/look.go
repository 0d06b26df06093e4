package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"syscall"
	"time"

	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/queue"
)

// mend ends all mishaps and waits for the requests that are under way.
func (w *World) mend(ctx context.Context) error {
	later := time.Now().Add(time.Hour)
	if err := errors.Join(w.undoDue(later), w.restart(ctx, later)); err != nil {
		return err
	}
	w.mending = time.Now()
	w.asking.Wait()
	return nil
}

// look sees to what must hold once all is mended.
func (w *World) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, w.Bound)
	defer cancel()
	images, err := w.settled(ctx)
	if err != nil {
		return err
	}
	took := time.Since(w.mending)
	w.figures.Settle = append(w.figures.Settle, took)
	if err := w.compare(images); err != nil {
		return err
	}
	if images, err = w.again(ctx, images); err != nil {
		return err
	}
	database, err := w.newest(ctx)
	if err != nil {
		return err
	}
	if err := w.active(ctx); err != nil {
		return err
	}
	for _, i := range images {
		if i.Status != wire.Analyzed {
			continue
		}
		if err := w.evidence(ctx, i); err != nil {
			return fmt.Errorf("read the evidence of image %s: %w", i.Digest, err)
		}
		if err := w.judged(ctx, w.image(i.Digest), database); err != nil {
			return fmt.Errorf("look at the verdict on image %s: %w", i.Digest, err)
		}
		w.figures.Reports++
	}
	return errors.Join(w.complaints(), w.rows(ctx))
}

// again has images that failed taken up again, and sees that all are analysed then that
// can be.
func (w *World) again(ctx context.Context, images []wire.Image) ([]wire.Image, error) {
	n, err := w.takeUp(ctx, images)
	if err != nil {
		return nil, err
	}
	if n > 0 {
		if images, err = w.settled(ctx); err != nil {
			return nil, err
		}
	}
	for _, record := range images {
		if err := w.history(w.image(record.Digest), record); err != nil {
			return nil, err
		}
	}
	return images, w.sound(images)
}

// settled waits until every image is in a final state and no work is left.
func (w *World) settled(ctx context.Context) ([]wire.Image, error) {
	for {
		images, err := w.direct.Images(ctx, wire.ImageFilter{})
		open := slices.ContainsFunc(images, func(i wire.Image) bool { return !final(i.Status) })
		left := 0
		if err == nil && !open {
			left, err = w.workLeft(ctx)
		}
		if err == nil && !open && left == 0 {
			return images, nil
		}
		select {
		case <-ctx.Done():
			text := fmt.Sprintf("%v after all was mended, %d pieces of work are left, and these images are in no final state:", w.Bound, left)
			for _, i := range images {
				if !final(i.Status) {
					text += fmt.Sprintf("\n%s is %s: %s", i.Digest, i.Status, i.StatusReason)
				}
			}
			return nil, errors.Join(errors.New(text), err, errors.New(w.servers[0].said()))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func final(status string) bool { return status == wire.Analyzed || status == wire.AnalysisFailed }

// compare sees that what was accepted is there, once.
func (w *World) compare(images []wire.Image) error {
	records := map[string]wire.Image{}
	for _, i := range images {
		if _, twice := records[i.Digest]; twice {
			return fmt.Errorf("image %s is there twice", i.Digest)
		}
		records[i.Digest] = i
	}
	for _, i := range w.images {
		record, there := records[i.digest]
		delete(records, i.digest)
		if there != i.there && !i.unsure {
			return fmt.Errorf("image %s (%s): there: %v; but the last answer said: %v", i.digest, i.name, there, i.there)
		}
		if i.unsure {
			w.figures.Unsure++
		} else {
			w.figures.Sure++
		}
		i.there, i.unsure = there, false
		if !there {
			continue
		}
		if record.Status == wire.AnalysisFailed && record.StatusReason == "" {
			return fmt.Errorf("image %s failed without a reason", i.digest)
		}
		if i.broken && record.Status == wire.Analyzed {
			return fmt.Errorf("image %s cannot be analysed, and was", i.digest)
		}
	}
	for digest := range records {
		return fmt.Errorf("image %s is there, and nobody asked for it", digest)
	}
	return nil
}

// history sees that each transition begins where the one before ended, is in the
// diagram, and says why where it must; and counts those that are new.
func (w *World) history(i *image, record wire.Image) error {
	at := ""
	for n, step := range record.StatusDetail {
		if n == 0 && step.From != "" && len(record.StatusDetail) < 100 {
			return fmt.Errorf("image %s: its history begins with %q", i.digest, step.From)
		}
		if n > 0 && step.From != at {
			return fmt.Errorf("image %s went from %q to %q while it was %q", i.digest, step.From, step.To, at)
		}
		if !queue.Allowed(step.From, step.To) {
			return fmt.Errorf("image %s went from %q to %q, which the diagram does not have", i.digest, step.From, step.To)
		}
		if step.To == wire.AnalysisFailed && step.Reason == "" {
			return fmt.Errorf("image %s failed without a reason", i.digest)
		}
		at = step.To
		if step.Timestamp.After(i.seen) {
			w.figures.count(step)
		}
	}
	if at != record.Status {
		return fmt.Errorf("image %s is %s, its history ends with %q", i.digest, record.Status, at)
	}
	w.figures.timed(record.StatusDetail, i.seen)
	if n := len(record.StatusDetail); n > 0 {
		i.seen = record.StatusDetail[n-1].Timestamp
	}
	return nil
}

// evidence reads what is kept of an analysed image.
func (w *World) evidence(ctx context.Context, i wire.Image) error {
	if err := w.direct.SBOM(ctx, i.Digest, "native-json", io.Discard); err != nil {
		return err
	}
	packages, err := w.direct.Packages(ctx, i.Digest, "os")
	if err == nil && len(packages.Content) != 1 {
		err = fmt.Errorf("it has %d packages of its distribution, want 1", len(packages.Content))
	}
	if err != nil {
		return err
	}
	_, err = w.direct.Metadata(ctx, i.Digest, "manifest")
	return err
}

// farewell ends the servers as they should be ended, and looks at what is left.
func (w *World) farewell(ctx context.Context) error {
	for _, p := range w.servers {
		if err := p.signal(syscall.SIGTERM); err != nil {
			return err
		}
	}
	if left := w.relics(); len(left) > 0 {
		return fmt.Errorf("processes are left: %q", left)
	}
	if left, err := w.litter(); err != nil || len(left) > 0 {
		return errors.Join(fmt.Errorf("files are left: %q", left), err)
	}
	return nil
}
