package blobs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"syscall"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/tidepole/tidepole/formats/fault"
)

const credentialsHint = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role"

const noSuchBucket = "NoSuchBucket"

// failed makes a fault of an error that is the storage's and not the data's:
// trying again may help, and the hint says what else. An error that comes of the
// caller's own context stays what it is.
func (s *Store) failed(ctx context.Context, err error, format string, args ...any) error {
	var already *fault.Fault
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf(format+": %w", append(args, context.Cause(ctx))...)
	case errors.As(err, &already):
		return err
	}
	// The rest of what the SDK says is about requests and attempts.
	hint, why := s.hint(err), err
	var call *url.Error
	if c := code(err); c != "" {
		why = errors.New(s.place + " answers " + c)
	} else if errors.As(err, &call) {
		why = fmt.Errorf("%s: %w", s.place, call.Err)
	}
	f := fault.New(fault.Unavailable, format+": %w", append(args, why)...)
	f.Err = err
	if hint != "" {
		f.WithHint("%s", hint)
	}
	return f
}

// hint is what may help, by what went wrong.
func (s *Store) hint(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	switch c := code(err); {
	case errors.Is(err, syscall.ENOSPC):
		return "free space where the server keeps its data"
	case errors.Is(err, os.ErrPermission):
		return "let the server's user read and write " + s.place
	case c == noSuchBucket, c == "NotFound", c == "HTTP status 404":
		return "make the bucket, or name another in the URL of the blobs"
	case denied[c]:
		return "the credentials must be right and allow s3:ListBucket, s3:GetObject, s3:PutObject and s3:DeleteObject; " + credentialsHint
	case c == "SlowDown" || c == "RequestLimitExceeded" || c == "ServiceUnavailable":
		return "the object store has more to do than it can; try again later"
	case c != "":
		return ""
	case errors.As(err, new(slow)), errors.Is(err, os.ErrDeadlineExceeded):
		return "the object store is slow or out of reach: see whether it works, or allow it more with timeout=… in the URL of the blobs"
	case errors.As(err, &dns), errors.As(err, &op):
		return "see whether the object store runs and the endpoint in the URL of the blobs is right"
	}
	return ""
}

// denied are the codes of an answer that is about who asks.
var denied = map[string]bool{
	"AccessDenied": true, "Forbidden": true, "InvalidAccessKeyId": true, "SignatureDoesNotMatch": true,
	"ExpiredToken": true, "InvalidToken": true, "Unauthorized": true, "AccountProblem": true,
}

// code is the word by which an object store says what went wrong; "" where it did
// not answer.
func code(err error) string {
	var api smithy.APIError
	var answer *awshttp.ResponseError
	switch {
	case errors.As(err, &api):
		return api.ErrorCode()
	case errors.As(err, &answer) && answer.HTTPStatusCode() > 0:
		return fmt.Sprintf("HTTP status %d", answer.HTTPStatusCode())
	}
	return ""
}
