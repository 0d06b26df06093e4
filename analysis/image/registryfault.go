package image

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/tidepole/tidepole/formats/fault"
)

// registryFault turns what goes wrong with a registry into faults.
type registryFault struct {
	authority string
	signedIn  bool
	plainly   bool // it may be spoken to without TLS
}

// of is err as a fault. Addresses are left out: those that registries redirect
// to hold signatures.
func (r registryFault) of(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if fault.Of(err) != fault.Internal {
		return err
	}
	var answer *transport.Error
	if errors.As(err, &answer) {
		return r.answered(answer)
	}
	var refused *plainHTTPError
	plain := errors.As(err, &refused)
	var stray *strayError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return r.unavailable("%s refuses the connection", err)
	case isCertificate(err):
		return r.unavailable("the certificate of %s cannot be verified", err).
			WithHint("if it is signed by an authority of your own, name the authority's certificate file for %s: "+
				"ca in registries of the configuration, or TIDEPOLE_REGISTRY_CA; that of the process that pulls counts", r.authority)
	case !r.plainly && errors.Is(err, http.ErrSchemeMismatch), plain && (refused.host == r.authority):
		return fault.New(fault.Invalid, "%s speaks plain http, or no TLS, and plain http was not allowed for it", r.authority).
			WithHint("if the way to it can be trusted, set insecure-http for %s where the image is pulled, which for a central analysis is the server: "+
				"insecure-http in registries of its configuration, or TIDEPOLE_REGISTRY_INSECURE_HTTP", r.authority)
	case plain:
		return fault.New(fault.Forbidden, "%s leads to another host: %w", r.authority, refused)
	case errors.As(err, &stray):
		return fault.New(fault.Forbidden, "sign in at %s: %w, and they go to no host that it leads to in that way", r.authority, stray).
			WithHint("if the registry speaks TLS, do not set insecure-http for it; or give it a token (token in registries of the configuration)")
	case errors.Is(err, errStalled), isTimeout(err):
		return r.unavailable("%s has fallen silent", err)
	}
	return r.unavailable("ask %s", err)
}

// unavailable says that the registry cannot be reached as it should. What follows the
// first line of the reason is an answer of a token server, which may hold a token.
func (r registryFault) unavailable(format string, err error) *fault.Fault {
	err = bare(err)
	reason, answer, _ := strings.Cut(err.Error(), "\n")
	if answer != "" {
		err = errors.New(reason)
	}
	f := &fault.Fault{Kind: fault.Unavailable, Message: fmt.Sprintf(format, r.authority) + ": " + printable(reason), Err: err}
	return f.WithHint("check the image's name, and whether the machine that pulls reaches the registry %s", r.authority)
}

// answered is what a registry's refusal means.
func (r registryFault) answered(e *transport.Error) error {
	said := http.StatusText(e.StatusCode)
	if len(e.Errors) > 0 {
		said = string(e.Errors[0].Code) + " " + e.Errors[0].Message
	}
	said = printable(said)
	switch {
	case e.StatusCode == http.StatusUnauthorized && r.signedIn:
		return fault.New(fault.Denied, "%s refuses the credentials: %s", r.authority, said).
			WithHint("check the user and the password, and that the repository's name is right")
	case e.StatusCode == http.StatusUnauthorized:
		return fault.New(fault.Denied, "%s wants credentials and none are known for it: %s", r.authority, said).
			WithHint("sign in with \"docker login %s\" or give its credentials; some registries say this of repositories that do not exist", r.authority)
	case e.StatusCode == http.StatusForbidden:
		return fault.New(fault.Forbidden, "%s does not allow it: %s", r.authority, said).
			WithHint("check the repository's name, and what the user known for %s may read", r.authority)
	case e.StatusCode == http.StatusNotFound:
		return fault.New(fault.NotFound, "%s does not have it: %s", r.authority, said).
			WithHint("check the repository, the tag and the digest")
	case e.StatusCode == http.StatusTooManyRequests:
		return fault.New(fault.Unavailable, "%s has been asked too often: %s", r.authority, said).
			WithHint("sign in, or try again later")
	}
	return fault.New(fault.Unavailable, "%s answers %d: %s", r.authority, e.StatusCode, said)
}

// isBusy tells a registry's answers that may be others next time, or that none
// came.
func isBusy(err error) bool {
	var answer *transport.Error
	return errors.As(err, &answer) && answer.Temporary() || isTransient(err)
}

// isTransient tells failures of the connection that may pass.
func isTransient(err error) bool {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.IsTemporary
	}
	return errors.Is(err, errStalled) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		isTimeout(err) && !errors.Is(err, context.DeadlineExceeded)
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

func isCertificate(err error) bool {
	var verification *tls.CertificateVerificationError
	return errors.As(err, &verification)
}

// bare is the reason without the address that was asked.
func bare(err error) error {
	var asked *url.Error
	for errors.As(err, &asked) {
		err = asked.Err
	}
	return err
}
