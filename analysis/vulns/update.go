package vulns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path"
	"strings"

	v6 "github.com/anchore/grype/grype/db/v6"
	"github.com/anchore/grype/grype/db/v6/distribution"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/report"
)

// maxListing bounds latest.json, which has some 300 bytes.
const maxListing = 1 << 20

// Update downloads the newest database, unless the one in use is as new and it is not
// to be had again, and puts it in the place of the old one. It tells whether it did.
// The bytes of an archive that is downloaded are written to archive, too, unless that
// is nil; Import takes them. accept is as Import has it.
func (d *Database) Update(ctx context.Context, archive io.Writer, again bool, accept func(report.Database) error) (report.Database, bool, error) {
	address := d.opts.URL
	if address == "" {
		address = distribution.DefaultConfig().LatestURL
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return report.Database{}, false, fault.New(fault.Invalid, "update vulnerability database: %q is not an http or https URL", cleanName(address)).
			WithHint("a file is brought in with: tidepole vulndb import FILE")
	}
	client, err := newClient(d.opts)
	if err != nil {
		return report.Database{}, false, err
	}
	defer client.http.CloseIdleConnections()
	var current record
	if !again {
		current = d.currentRecord(ctx)
	}
	if isArchive(u.Path) {
		return d.updateFromArchive(ctx, client, u, current, origin{copy: archive, accept: accept})
	}
	return d.updateFromListing(ctx, client, listingURL(u), current, origin{copy: archive, accept: accept})
}

// currentRecord is empty where no database is or it cannot be used: any other
// is newer then.
func (d *Database) currentRecord(ctx context.Context) record {
	g, err := d.acquire(ctx)
	if err != nil || g == nil {
		return record{}
	}
	defer d.release(g)
	return g.record
}

// isArchive tells an archive's path from that of a listing or its folder.
func isArchive(p string) bool {
	for _, suffix := range []string{".tar", ".zst", ".gz", ".tgz", ".xz", ".db"} {
		if strings.HasSuffix(p, suffix) {
			return true
		}
	}
	return false
}

// listingURL is where grype's distribution has its latest.json.
func listingURL(u *url.URL) *url.URL {
	if strings.HasSuffix(u.Path, ".json") {
		return u
	}
	return u.JoinPath(fmt.Sprintf("v%d", v6.ModelVersion), distribution.LatestFileName)
}

func (d *Database) updateFromListing(ctx context.Context, c *client, u *url.URL, current record, o origin) (report.Database, bool, error) {
	doc, err := c.listing(ctx, u)
	if err != nil {
		return report.Database{}, false, err
	}
	if current.Present && !doc.Built.After(current.Built) {
		return current.Database, false, nil
	}
	archive := *u
	archive.Path, archive.RawPath = path.Join(path.Dir(u.Path), path.Clean("/"+doc.Path)), ""
	sum, err := parseChecksum(doc.Checksum)
	if err != nil {
		return report.Database{}, false, fault.New(fault.Invalid, "update vulnerability database from %s: %w", plain(u), err)
	}
	o.name, o.checksum = plain(&archive), sum
	return d.download(ctx, c, &archive, o)
}

// updateFromArchive follows a URL that always names the newest archive.
// go-getter's query parameter "checksum" is understood, and not sent.
func (d *Database) updateFromArchive(ctx context.Context, c *client, u *url.URL, current record, o origin) (report.Database, bool, error) {
	o.name = plain(u)
	if current.Present {
		o.unless = current.Digest
	}
	if current.Source == o.name {
		o.etag = current.ETag
	}
	query := u.Query()
	sum, err := parseChecksum(query.Get("checksum"))
	if err != nil {
		return report.Database{}, false, err
	}
	o.checksum = sum
	query.Del("checksum")
	archive := *u
	archive.RawQuery = query.Encode()
	return d.download(ctx, c, &archive, o)
}

// download takes an archive in, if it holds another database than the one in use.
func (d *Database) download(ctx context.Context, c *client, u *url.URL, o origin) (report.Database, bool, error) {
	res, err := c.get(ctx, u, o.etag)
	if errors.Is(err, errSame) {
		return d.Status(ctx), false, nil
	}
	if err != nil {
		return report.Database{}, false, err
	}
	defer res.Close()
	o.etag = res.etag
	rec, err := d.take(ctx, res, o)
	if errors.Is(err, errSame) {
		return d.Status(ctx), false, nil
	}
	if err != nil {
		return report.Database{}, false, o.explain(err)
	}
	return rec.Database, true, nil
}

// listing fetches and checks a latest.json.
func (c *client) listing(ctx context.Context, u *url.URL) (*distribution.LatestDocument, error) {
	res, err := c.get(ctx, u, "")
	if err != nil {
		return nil, err
	}
	defer res.Close()
	doc, err := distribution.NewLatestFromReader(io.LimitReader(res, maxListing))
	if res.err != nil {
		return nil, res.err
	}
	switch {
	case err != nil:
		return nil, fault.New(fault.Invalid, "update vulnerability database: read %s: %w", plain(u), err).
			WithHint("check the URL: it should name a grype distribution's latest.json, the folder above v6/latest.json, or an archive")
	case doc == nil || doc.Path == "" || doc.Checksum == "" || doc.Built.IsZero():
		return nil, fault.New(fault.Invalid, "update vulnerability database: %s names no archive with path, checksum and time of building", plain(u))
	case doc.SchemaVersion.Model != v6.ModelVersion:
		return nil, fault.New(fault.Unsupported, "update vulnerability database: %s offers schema %s, and this version of tidepole reads schema %d", plain(u), doc.SchemaVersion, v6.ModelVersion).
			WithHint("see whether there is a newer tidepole")
	}
	return doc, nil
}
