package importserver

import (
	"context"
	"errors"
	"io"

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
	limited := &limitedReader{r: r, left: a.server.options.MaxDatabase}
	done := a.server.noteFeeds(ctx, "upload")
	d, err := a.server.functions.Database.Import(ctx, limited, name, checksum)
	done(d, err)
	if limited.over {
		return report.Database{}, fault.New(fault.TooLarge, "import vulnerability database: it is longer than %d bytes", a.server.options.MaxDatabase)
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
// are assessed anew then.
func (a *Account) UpdateDatabase(ctx context.Context) (report.Database, error) {
	if a.server.functions.Database == nil {
		return report.Database{}, errNoDatabase
	}
	done := a.server.noteFeeds(ctx, "download")
	d, _, err := a.server.functions.Database.Update(ctx)
	done(d, err)
	return a.changed(ctx, d, err)
}

// watchDatabase has all analysed images assessed anew if the database is another
// than the last time. They stay analysed, with their old reports, meanwhile.
func (s *Server) watchDatabase(ctx context.Context) error {
	d := s.database(ctx)
	if !d.Present {
		return nil
	}
	last, err := s.store.View().Setting(ctx, databaseSetting)
	if err != nil || last == d.Digest {
		return err
	}
	var n int64
	err = s.store.InTx(ctx, func(tx *store.Tx) error {
		if n, err = s.queue.Refresh(ctx, tx); err != nil {
			return err
		}
		return tx.SetSetting(ctx, databaseSetting, d.Digest)
	})
	if err == nil {
		s.log.Info("vulnerability database changed", "digest", d.Digest, "built", d.Built, "images", n)
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
