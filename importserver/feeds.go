package importserver

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
)

// databaseFeed is the contract's name of the vulnerability database.
const databaseFeed = "vulnerability_db"

// contained are feeds whose data comes within the vulnerability database.
var contained = map[string]bool{"kev_db": true, "epss_db": true}

// syncTime is how long a download of the database may take.
const syncTime = time.Hour

// getFeeds shows the vulnerability database as the contract's feed of that name.
func getFeeds(a *Account, w http.ResponseWriter, r *http.Request) error {
	feeds := []map[string]any{}
	d, err := a.Database(r.Context())
	if d.Present {
		feeds = append(feeds, map[string]any{
			"name": databaseFeed, "version": d.SchemaVersion, "dataset_name": databaseFeed, "dataset_checksum": d.Digest,
			"data_service_built_at": d.Built, "enterprise_received_at": d.Imported, "created_at": d.Built,
			"updated_at": d.Imported, "last_full_sync": d.Imported, "enabled": true, "groups": []any{},
		})
	}
	return give(w, feeds, err)
}

// getFeed is the database that is there, if it is of the version that is asked for:
// by this, clients find out whether to upload theirs.
func getFeed(a *Account, w http.ResponseWriter, r *http.Request) error {
	name, version := r.PathValue("feed"), r.URL.Query().Get("version")
	d, err := a.Database(r.Context())
	if err != nil {
		return err
	}
	if name != databaseFeed || !d.Present || version != d.SchemaVersion && version != d.Digest {
		return fault.New(fault.NotFound, "there is no %.100s of version %.100q", name, version)
	}
	return give(w, map[string]any{
		"id": d.Digest, "name": name, "dataset": name, "data_format": "grype-db", "checksum": d.Digest, "version": d.SchemaVersion,
		"data_service_built_at": d.Built, "enterprise_received_at": d.Imported, "built_at": d.Built, "created_at": d.Imported, "updated_at": d.Imported,
	}, nil)
}

// postFeeds has the server fetch a newer database, and does not wait for it: events
// tell how that ends.
func postFeeds(a *Account, w http.ResponseWriter, r *http.Request) error {
	s := a.server
	ctx, leave, err := s.sync(s.life)
	if err != nil {
		return err
	}
	s.background.Go(func() {
		defer leave()
		if _, err := s.Account(Admin).fetchDatabase(ctx); err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "fetch the vulnerability database", "error", err)
		}
	})
	return give(w, map[string]string{"message": "the vulnerability database is being brought up to date; its events tell how that ends"}, nil)
}

// uploadFeed takes a vulnerability database in, as clients behind an air gap bring it.
func uploadFeed(a *Account, w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("feed")
	switch {
	case contained[name]:
		return fault.New(fault.Invalid, "%s comes within %s here; there is nothing to upload", name, databaseFeed)
	case name != databaseFeed:
		return fault.New(fault.Invalid, "there is no feed %.100q to upload; have %s", name, databaseFeed)
	}
	file, fileName, err := uploaded(r)
	if err != nil {
		return err
	}
	if _, err := a.ImportDatabase(r.Context(), file, fileName, checksumOf(r.URL.Query().Get("checksum"))); err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// uploaded is the file of a form, read as it comes.
func uploaded(r *http.Request) (io.Reader, string, error) {
	parts, err := r.MultipartReader()
	if err != nil {
		return nil, "", fault.New(fault.Invalid, "upload feed: the body is no multipart form: %w", err).WithHint("send the archive as the form's file")
	}
	for range 10 {
		p, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, "", notArrived(err)
		}
		if p.FormName() == "file" {
			return &arriving{r: p, close: func() {}}, cmp.Or(p.FileName(), databaseFeed+".tar.zst"), nil
		}
	}
	return nil, "", fault.New(fault.Invalid, "upload feed: the form has no file")
}

// checksumOf is a checksum as our own routes take it: clients leave the algorithm away.
func checksumOf(sum string) string {
	if len(sum) == 64 && !strings.Contains(sum, ":") {
		return "sha256:" + sum
	}
	return sum
}

// notSwitched refuses what would leave the server without its database.
func notSwitched(_ *Account, _ http.ResponseWriter, r *http.Request) error {
	return fault.New(fault.Unsupported, "%.100s cannot be switched off or deleted", r.PathValue("feed")).
		WithDetail("status", http.StatusNotImplemented).WithHint("policies that should not look at vulnerabilities leave that gate away")
}
