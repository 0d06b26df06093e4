package blobs

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	gcaws "gocloud.dev/aws"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"

	"github.com/tidepole/tidepole/formats/fault"
)

const (
	tries       = 4               // of one call, the first included
	maxBackoff  = 5 * time.Second // between two of them
	standstill  = time.Minute     // how long a connection may pass no byte
	credentials = 20 * time.Second
)

// openS3 keeps blobs in a bucket of an S3-compatible store. The URL's query takes
// endpoint, region, use_path_style, disable_https, ssetype, kmskeyid, timeout
// (how long a connection may stand still), attempts (of one call) and what gocloud.dev/aws knows.
// Credentials come from where the AWS SDK looks for them.
func openS3(ctx context.Context, u *url.URL) (backend, error) {
	q := u.Query()
	if u.Host == "" {
		return backend{}, fault.New(fault.Invalid, "open blobs: %.200q names no bucket", u).WithHint("s3://BUCKET?region=eu-west-1")
	}
	p := params{q: q}
	slowly := q.Has("timeout") // somebody knows how slow it is
	pathStyle, plain := p.yes("use_path_style"), p.yes("disable_https")
	still, attempts := p.duration("timeout", standstill), p.number("attempts", tries)
	options := s3blob.Options{EncryptionType: types.ServerSideEncryption(p.text("ssetype")), KMSEncryptionID: p.text("kmskeyid")}
	place := "s3://" + u.Host + u.Path
	if endpoint := q.Get("endpoint"); endpoint != "" {
		place += " at " + endpoint
	}
	if q.Get("region") == "" && q.Get("endpoint") != "" {
		q.Set("region", "us-east-1") // what such stores call their only region
	}
	if p.err != nil {
		return backend{}, fault.New(fault.Invalid, "open blobs in %s: %w", place, p.err)
	}
	ctx, cancel := context.WithTimeout(ctx, credentials+callTime)
	defer cancel()
	cfg, err := gcaws.V2ConfigFromURLParams(ctx, q)
	if err != nil {
		return backend{}, fault.New(fault.Invalid, "open blobs in %s: %w", place, err)
	}
	if cfg.Region == "" {
		return backend{}, fault.New(fault.Invalid, "open blobs in %s: no region is given", place).WithHint("add region=NAME to the URL's query, or set AWS_REGION")
	}
	if err := mayEnter(ctx, cfg, place); err != nil {
		return backend{}, err
	}
	cfg.HTTPClient = client(still)
	cfg.Retryer = func() aws.Retryer {
		return retry.NewStandard(func(o *retry.StandardOptions) { o.MaxAttempts, o.MaxBackoff = attempts, maxBackoff })
	}
	options.RequestChecksumCalculation = cfg.RequestChecksumCalculation
	c := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle, o.EndpointOptions.DisableHTTPS, o.DisableLogOutputChecksumValidationSkipped = pathStyle, plain, true
	})
	bucket, err := s3blob.OpenBucket(ctx, c, u.Host, &options)
	if err != nil {
		return backend{}, fmt.Errorf("open blobs in %s: %w", place, err)
	}
	prefix := strings.Trim(u.Path, "/")
	if prefix != "" {
		prefix += "/"
		bucket = blob.PrefixedBucket(bucket, prefix)
	}
	b := backend{place: place, bucket: bucket, abandon: abandonUploads(c, u.Host, prefix)}
	enter := enterTime
	if slowly {
		enter = max(enter, still)
	}
	if err := (&Store{backend: b}).reach(ctx, enter); err != nil {
		return backend{}, fmt.Errorf("open blobs: %w", err)
	}
	return b, nil
}

// mayEnter makes sure that there are credentials: without, every call would look
// for them, and fail with much that helps nobody.
func mayEnter(ctx context.Context, cfg aws.Config, place string) error {
	ctx, cancel := context.WithTimeout(ctx, credentials)
	defer cancel()
	if cfg.Credentials == nil {
		return nil // anonymous
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return fault.New(fault.Unavailable, "open blobs in %s: no credentials were found", place).WithHint(credentialsHint)
	}
	return nil
}

// reach tries whether the bucket is there and may be read, within a limit.
func (s *Store) reach(ctx context.Context, limit time.Duration) error {
	err := within(ctx, limit, func(ctx context.Context) error {
		_, _, err := s.bucket.ListPage(ctx, blob.FirstPageToken, 1, nil)
		return err
	})
	return s.failed(ctx, err, "look into the bucket")
}

// abandonUploads gives up uploads of blobs in pieces that nobody finished. They are no
// objects, but are paid for. A bucket may have others' uploads, too.
func abandonUploads(c *s3.Client, bucket, prefix string) func(context.Context, time.Time) (int, error) {
	return func(ctx context.Context, since time.Time) (n int, err error) {
		pages := s3.NewListMultipartUploadsPaginator(c, &s3.ListMultipartUploadsInput{Bucket: &bucket, Prefix: &prefix})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if c := code(err); c == "NotImplemented" || c == "NoSuchUpload" { // which some say where there is none
				return n, nil
			}
			if err != nil {
				return n, err
			}
			for _, u := range page.Uploads {
				_, ours := ParseName(strings.TrimPrefix(aws.ToString(u.Key), prefix))
				if !ours || u.Initiated == nil || u.Initiated.After(since) {
					continue
				}
				_, err := c.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &bucket, Key: u.Key, UploadId: u.UploadId})
				if err != nil && code(err) != "NoSuchUpload" { // which another process was quicker to give up
					return n, err
				}
				n++
			}
		}
		return n, nil
	}
}

// params takes values out of a query; err is the first that cannot be used.
type params struct {
	q   url.Values
	err error
}

func (p *params) text(name string) string {
	defer p.q.Del(name)
	return p.q.Get(name)
}

func (p *params) yes(name string) bool {
	v, err := strconv.ParseBool(cmp.Or(p.text(name), "false"))
	p.note(name, err)
	return v
}

func (p *params) duration(name string, usual time.Duration) time.Duration {
	v, err := time.ParseDuration(cmp.Or(p.text(name), usual.String()))
	if err == nil && v <= 0 {
		err = strconv.ErrRange
	}
	p.note(name, err)
	return v
}

func (p *params) number(name string, usual int) int {
	v, err := strconv.Atoi(cmp.Or(p.text(name), strconv.Itoa(usual)))
	if err == nil && v < 1 {
		err = strconv.ErrRange
	}
	p.note(name, err)
	return v
}

func (p *params) note(name string, err error) {
	if err != nil && p.err == nil {
		p.err = fmt.Errorf("%s: %w", name, err)
	}
}
