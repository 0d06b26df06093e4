package importserver

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/importserver/store"
)

// databaseSetting is the digest of the database that all images were last
// queued for.
const databaseSetting = "database"

var errNoDatabase = fault.New(fault.Unsupported, "this server was built without a vulnerability database")

// Database is the server's vulnerability database.
func (a *Account) Database(ctx context.Context) (report.Database, error) {
	return a.server.database(ctx), ctx.Err()
}

func (s *Server) database(ctx context.Context) report.Database {
	if s.functions.Database == nil {
		return report.Database{Error: errNoDatabase.Message}
	}
	return s.functions.Database.Status(ctx)
}

// ImportDatabase replaces the database by an archive. All analysed images are
// assessed anew.
func (a *Account) ImportDatabase(ctx context.Context, r io.Reader, name, checksum string) (report.Database, error) {
	if a.server.functions.Database == nil {
		return report.Database{}, errNoDatabase
	}
	s := a.server
	limited := &limitedReader{r: r, left: s.options.MaxDatabase}
	done := s.noteFeeds(ctx, "upload")
	d, err := s.change(ctx, func(archive io.Writer, accept func(report.Database) error) (report.Database, error) {
		var in io.Reader = limited
		if archive != nil {
			in = io.TeeReader(limited, archive)
		}
		return s.functions.Database.Import(ctx, in, name, checksum, accept)
	})
	done(d, err)
	if limited.over {
		return report.Database{}, fault.New(fault.TooLarge, "import vulnerability database: it is longer than %d bytes", s.options.MaxDatabase)
	}
	return a.changed(ctx, d, err)
}

// changed gives the database that an operation left, once it is known to the queue.
func (a *Account) changed(ctx context.Context, d report.Database, err error) (report.Database, error) {
	if err := errors.Join(err, a.server.watchDatabase(ctx)); err != nil {
		return report.Database{}, err
	}
	return d, nil
}

// UpdateDatabase fetches a newer database, if there is one. All analysed images
// are assessed anew then. While one is fetched already it is fault.Conflict.
func (a *Account) UpdateDatabase(ctx context.Context) (report.Database, error) {
	ctx, leave, err := a.server.sync(ctx)
	if err != nil {
		return report.Database{}, err
	}
	defer leave()
	return a.fetchDatabase(ctx)
}

// sync takes the one place for a download of the database, of all processes; leave
// gives it back. The context is for the download: it ends after syncTime, and where
// another process took the place because this one was silent for a lease.
func (s *Server) sync(ctx context.Context) (syncing context.Context, leave func(), err error) {
	if s.functions.Database == nil {
		return nil, nil, errNoDatabase
	}
	select {
	case s.syncing <- struct{}{}:
	default:
		return nil, nil, errFeedsBusy()
	}
	if !s.shared {
		limited, cancel := context.WithTimeout(ctx, syncTime)
		return limited, func() { cancel(); <-s.syncing }, nil
	}
	held, err := s.hold(ctx, vulndbChore, syncTime)
	if err == nil && !held {
		err = errFeedsBusy()
	}
	if err != nil {
		<-s.syncing
		return nil, nil, err
	}
	syncing, stop := s.holding(ctx, vulndbChore, syncTime)
	return syncing, func() {
		stop()
		if err := s.giveUp(ctx, vulndbChore, s.now()); err != nil {
			s.log.WarnContext(ctx, "no other process looks for a newer vulnerability database for a while", "error", err)
		}
		<-s.syncing
	}, nil
}

// fetchDatabase is for who has the place.
func (a *Account) fetchDatabase(ctx context.Context) (report.Database, error) {
	s := a.server
	done := s.noteFeeds(ctx, "download")
	again, err := s.unpublished(ctx)
	var d report.Database
	if err == nil {
		d, err = s.change(ctx, func(archive io.Writer, accept func(report.Database) error) (report.Database, error) {
			d, _, err := s.functions.Database.Update(ctx, archive, again, accept)
			return d, err
		})
	}
	done(d, err)
	return a.changed(ctx, d, err)
}

// watchDatabase has all analysed images assessed anew if the database is another
// than the last time.
func (s *Server) watchDatabase(ctx context.Context) error {
	if s.shared {
		return s.followDatabase(ctx)
	}
	d := s.database(ctx)
	if !d.Present {
		return nil
	}
	return s.matchAgain(ctx, d.Digest, d.Built)
}

// matchAgain has all analysed images assessed anew, unless the last time was with the
// same database. They stay analysed, with their old reports, meanwhile.
func (s *Server) matchAgain(ctx context.Context, digest string, built time.Time) error {
	last, err := s.store.View().Setting(ctx, databaseSetting)
	if err != nil || last == digest {
		return err
	}
	var n int64
	err = s.store.InTx(ctx, func(tx *store.Tx) error {
		if last, err = tx.Setting(ctx, databaseSetting); err != nil || last == digest {
			return err
		}
		if n, err = s.queue.Refresh(ctx, tx); err != nil {
			return err
		}
		return tx.SetSetting(ctx, databaseSetting, digest)
	})
	if err == nil && last != digest {
		s.log.InfoContext(ctx, "vulnerability database changed", "digest", digest, "built", built, "images", n)
		s.queue.Announce()
	}
	return err
}

// limitedReader ends early, and remembers that it did.
type limitedReader struct {
	r    io.Reader
	left int64
	over bool
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if l.left <= 0 {
		var one [1]byte
		n, err := l.r.Read(one[:])
		if n > 0 {
			l.over = true
			return 0, fault.New(fault.TooLarge, "too large")
		}
		return 0, err
	}
	n, err := l.r.Read(p[:min(int64(len(p)), l.left)])
	l.left -= int64(n)
	return n, err
}
