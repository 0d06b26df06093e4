package importserver

import (
	"cmp"
	"context"
	"errors"
	"io"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/importserver/blobs"
	"github.com/tidepole/tidepole/importserver/queue"
	"github.com/tidepole/tidepole/importserver/store"
)

// Processes on one store match with one vulnerability database. The one that takes it
// in keeps its archive among the blobs and publishes it. The others follow: they fetch the archive, check it and import it, and take
// no work until they have. A report that was made with another database is none: the
// image waits for its assessment as before.

// vulndbChore is held by the process that looks for a newer database.
const vulndbChore = "vulnerability database"

// errFeedsBusy says that the database is being changed already.
func errFeedsBusy() error {
	return fault.New(fault.Conflict, "the vulnerability database is being brought up to date already").
		WithDetail("error_codes", []string{"FEED_SYNC_ALREADY_IN_PROGRESS"})
}

// change lets take change this process's database. Where there are others, it is
// published before it is in use: take writes the archive to the writer that it is given,
// and calls accept as Database.Import has it. So a failure leaves all processes with
// what they had, and one that is killed in between follows as the others do. Both
// are nil where there are no others.
func (s *Server) change(ctx context.Context, take func(archive io.Writer, accept func(report.Database) error) (report.Database, error)) (report.Database, error) {
	if !s.shared {
		return take(nil, nil)
	}
	select {
	case s.swapping <- struct{}{}:
		defer func() { <-s.swapping }()
	default:
		return report.Database{}, errFeedsBusy()
	}
	r, w := io.Pipe()
	var archive *blobs.Staged
	var unstaged error
	staged := make(chan struct{})
	go func() {
		defer close(staged)
		archive, unstaged = s.blobs.Stage(ctx, r, s.options.MaxDatabase)
		r.CloseWithError(unstaged)
	}()
	d, err := take(w, func(d report.Database) error {
		w.Close()
		<-staged
		if unstaged != nil {
			return unstaged
		}
		return s.publish(ctx, d, archive)
	})
	w.CloseWithError(err)
	<-staged
	if archive != nil {
		archive.Discard()
	}
	return d, err
}

// unpublished tells whether this process's database is not the one that all are to
// have, as where it came with a data folder from elsewhere.
func (s *Server) unpublished(ctx context.Context) (bool, error) {
	if !s.shared {
		return false, nil
	}
	row, err := s.store.View().PublishedDatabase(ctx)
	if errors.Is(err, store.ErrNone) {
		return true, nil
	}
	return s.database(ctx).Digest != row.Digest, err
}

// publish makes a database the one that all images are to be matched with.
func (s *Server) publish(ctx context.Context, d report.Database, archive *blobs.Staged) error {
	blob, err := s.keeper().Keep(ctx, archive)
	if err != nil {
		return err
	}
	err = s.store.InTx(ctx, func(tx *store.Tx) error {
		return tx.PublishDatabase(ctx, store.Database{
			Digest: d.Digest, Archive: blob.Digest, Generation: blob.Generation, Size: archive.Size, BuiltAt: d.Built, Source: d.Source,
			PublishedAt: s.now(), Publisher: s.name,
		})
	})
	if err != nil {
		return err
	}
	s.log.InfoContext(ctx, "vulnerability database published", "digest", d.Digest, "built", d.Built)
	s.waits(noWorkBefore(d.Digest))
	return nil
}

// followDatabase sees to it that all images are matched with the published database,
// and that this process has it.
func (s *Server) followDatabase(ctx context.Context) error {
	if s.functions.Database == nil {
		s.waits("")
		return nil
	}
	row, err := s.store.View().PublishedDatabase(ctx)
	if errors.Is(err, store.ErrNone) {
		return s.followNone(ctx)
	}
	if err != nil {
		return err
	}
	s.alone.Store(false)
	// This comes after the publication: an assessment that did not see it yet has ended
	// by now, or is asked for again.
	if err := s.matchAgain(ctx, row.Digest, row.BuiltAt); err != nil {
		return err
	}
	if s.database(ctx).Digest == row.Digest {
		s.waits("")
		return nil
	}
	s.waits(noWorkBefore(row.Digest))
	select {
	case s.swapping <- struct{}{}:
		defer func() { <-s.swapping }()
	default:
		return nil // it is being changed: whoever does so publishes it
	}
	if err := s.fetch(ctx, row); err != nil {
		s.waits("it takes no work: it cannot have the vulnerability database " + row.Digest + ": " + told(err))
		return err
	}
	s.waits("")
	return nil
}

func noWorkBefore(digest string) string {
	return "it takes no work before it has the vulnerability database " + digest
}

// followNone is for a store that no database was published to. A process may have one
// all the same, in a data folder that was used elsewhere: images are matched with that
// alone then, as reports that are made with different ones would replace each other.
func (s *Server) followNone(ctx context.Context) error {
	own := s.database(ctx)
	last, err := s.store.View().Setting(ctx, databaseSetting)
	if err == nil && last == "" && own.Present {
		last, err = own.Digest, s.matchAgain(ctx, own.Digest, own.Built)
	}
	if err != nil {
		return err
	}
	if alone := own.Present && last == own.Digest; s.alone.Swap(alone) != alone {
		s.showNow()
	}
	if last == "" || last == own.Digest {
		s.waits("")
		return nil
	}
	s.waits("it takes no work: the vulnerability database " + last + " was never published to other processes; import it once more")
	return nil
}

// wanted is the database that images are to be matched with; "" where there is none.
func wanted(ctx context.Context, tx *store.Tx) (string, error) {
	row, err := tx.PublishedDatabase(ctx)
	if errors.Is(err, store.ErrNone) {
		return tx.Setting(ctx, databaseSetting)
	}
	return row.Digest, err
}

// insteadOf is the database that images are to be matched with instead of d; "" where
// that is the one.
func (s *Server) insteadOf(ctx context.Context, tx *store.Tx, d report.Database) (string, error) {
	if !s.shared { // what this process has is what is wanted, also before the rows say so
		if now := s.database(ctx); now.Digest != d.Digest {
			return cmp.Or(now.Digest, "none"), nil
		}
		return "", nil
	}
	want, err := wanted(ctx, tx)
	if want == d.Digest {
		want = ""
	}
	return want, err
}

// fetch imports the published database.
func (s *Server) fetch(ctx context.Context, row store.Database) error {
	digest := row.Digest
	if row.Size > s.options.MaxDatabase {
		return fault.New(fault.TooLarge, "fetch vulnerability database %s: its archive has %d bytes, more than %d", digest, row.Size, s.options.MaxDatabase)
	}
	begun := time.Now()
	s.log.InfoContext(ctx, "vulnerability database is fetched", "digest", digest, "built", row.BuiltAt, "bytes", row.Size)
	ctx, cancel := context.WithTimeout(ctx, syncTime)
	defer cancel()
	r, err := s.blobs.Open(ctx, blobs.Key{Digest: row.Archive, Generation: row.Generation})
	if err != nil {
		return err
	}
	defer r.Close()
	d, err := s.functions.Database.Import(ctx, io.LimitReader(r, row.Size+1), row.Source, row.Archive, nil)
	if err != nil {
		return err
	}
	if d.Digest != digest {
		return fault.New(fault.Invalid, "fetch vulnerability database %s: its archive holds %s", digest, d.Digest).
			WithHint("import it once more: tidepole vulndb import FILE, or tidepole vulndb update")
	}
	s.log.InfoContext(ctx, "vulnerability database fetched", "digest", digest, "took", time.Since(begun))
	return nil
}

// waits notes why this process takes no work; "" where it does.
func (s *Server) waits(why string) {
	last := s.waiting.Swap(&why)
	if (last == nil || *last != "") && why == "" {
		s.queue.Announce()
	}
	if last == nil || *last != why {
		s.showNow()
	}
}

// showNow has others see what changed of this process before its next heartbeat.
func (s *Server) showNow() {
	select {
	case s.beatNow <- struct{}{}:
	default: // it is about to
	}
}

// waitsFor is why this process takes no work; "" where it does.
func (s *Server) waitsFor() string {
	if why := s.awaits(); why != "" {
		return why
	}
	if p := s.ready.blobs; p.ill.Load() {
		return "it takes no work: " + p.wrong
	}
	return ""
}

// awaits is waitsFor where the blobs are in reach.
func (s *Server) awaits() string {
	if why := s.waiting.Load(); why != nil {
		return *why
	}
	return ""
}

// worth is what an assessment is worth that was made with a database.
type worth int

const (
	asItShould worth = iota
	betterThanNone
	superseded // there is a report already that it must not replace
)

// worthOf compares the database of an assessment with the one that is wanted.
func (s *Server) worthOf(ctx context.Context, tx *store.Tx, image int64, d report.Database) (worth, error) {
	if !s.shared {
		return asItShould, nil
	}
	want, err := wanted(ctx, tx)
	if err != nil || want == "" || want == d.Digest {
		return asItShould, err
	}
	last, there, err := tx.MatchedWith(ctx, image)
	if err != nil || there && last != d.Digest {
		return superseded, err
	}
	return betterThanNone, nil
}

// repeat has an image assessed again that was assessed with a database that is no
// longer the published one; this process looks for the other one first.
func (s *Server) repeat(ctx context.Context, tx *store.Tx, l *queue.Lease) error {
	s.waits("it takes no work before it has looked for another vulnerability database")
	s.wakeFollower()
	return s.queue.Repeat(ctx, tx, l.Image)
}
