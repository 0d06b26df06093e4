package blobstest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Line stands between a store and an object store, and does to requests what a
// test wants.
type Line struct {
	// Do answers a request, or tells that it is to be passed on; nil passes all on.
	Do atomic.Pointer[func(http.ResponseWriter, *http.Request) (answered bool)]

	URL string // where it listens
}

// NewLine is a line to the object store at an endpoint.
func NewLine(t *testing.T, endpoint string) *Line {
	to, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = to.Scheme, to.Host, r.In.Host
	}}
	l := &Line{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if do := l.Do.Load(); do != nil && (*do)(w, r) {
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	l.URL = server.URL
	return l
}

// Answer gives the answer of an object store that refuses.
func Answer(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>as the test wants it</Message></Error>`, code)
}

// NewBucket makes an empty bucket in the object store at an endpoint and gives its
// URL. Credentials come from the environment.
func NewBucket(t *testing.T, endpoint string) (at string, c *s3.Client, bucket string) {
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion("us-east-1"))
	if err != nil {
		t.Fatal(err)
	}
	c = s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle, o.BaseEndpoint, o.DisableLogOutputChecksumValidationSkipped = true, &endpoint, true
	})
	bucket = "tests-" + strings.ToLower(rand.Text())
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("s3://%s?endpoint=%s&use_path_style=true", bucket, url.QueryEscape(endpoint)), c, bucket
}

// S3 makes places in the object store at an endpoint, reached over a line.
func S3(endpoint string) func(*testing.T) Place {
	return func(t *testing.T) Place {
		l := NewLine(t, endpoint)
		at, c, bucket := NewBucket(t, l.URL)
		return Place{
			URL:     at + "&attempts=1",
			Objects: func(t *testing.T) map[string][]byte { return objects(t, c, bucket) },
			Put: func(t *testing.T, name string, data []byte) {
				_, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &name, Body: bytes.NewReader(data)})
				if err != nil {
					t.Fatal(err)
				}
			},
			Remove: func(t *testing.T, name string) {
				if _, err := c.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket, Key: &name}); err != nil {
					t.Fatal(err)
				}
			},
			Break: func(*testing.T) func() {
				do := func(w http.ResponseWriter, r *http.Request) bool {
					if r.Method == http.MethodPut || r.Method == http.MethodPost {
						io.Copy(io.Discard, r.Body)
						Answer(w, http.StatusInternalServerError, "InternalError")
						return true
					}
					return false
				}
				l.Do.Store(&do)
				return func() { l.Do.Store(nil) }
			},
			Unended: func(t *testing.T, name string) func(*testing.T) int {
				_, err := c.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &name})
				if err != nil {
					t.Fatal(err)
				}
				return func(t *testing.T) (n int) {
					all, err := c.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &bucket})
					if err != nil {
						t.Fatal(err)
					}
					for _, u := range all.Uploads {
						if aws.ToString(u.Key) == name {
							n++
						}
					}
					return n
				}
			},
		}
	}
}

func objects(t *testing.T, c *s3.Client, bucket string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	pages := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Contents {
			data, err := object(t.Context(), c, bucket, *o.Key)
			if err != nil {
				t.Fatal(err)
			}
			all[*o.Key] = data
		}
	}
	return all
}

func object(ctx context.Context, c *s3.Client, bucket, key string) ([]byte, error) {
	o, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return nil, err
	}
	defer o.Body.Close()
	return io.ReadAll(o.Body)
}
