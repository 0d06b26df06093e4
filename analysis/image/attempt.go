package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tidepole/tidepole/formats/fault"
)

// open opens an image at its source, or at the first that has it.
func open(ctx context.Context, req Request) (*Image, *visit, error) {
	if req.Reference == "" {
		return nil, nil, fault.New(fault.Invalid, "open an image: no reference is given")
	}
	if req.Source == "" {
		return openAnywhere(ctx, req)
	}
	s, ok := sourceNamed(req.Source)
	if !ok {
		return nil, nil, fault.New(fault.Invalid, "open %s: there is no source %q", printable(req.Reference), req.Source).
			WithHint("have %s", sourceNames())
	}
	return try(ctx, req, s)
}

// openAnywhere tries the sources that the reference can name something in.
func openAnywhere(ctx context.Context, req Request) (*Image, *visit, error) {
	if _, err := parsePlatform(req.Platform); err != nil {
		return nil, nil, err
	}
	var failed failures
	for _, s := range sources {
		if !s.takes(req.Reference) {
			continue
		}
		img, v, err := try(ctx, req, s)
		if err == nil {
			return img, v, nil
		}
		if ctx.Err() != nil {
			return nil, nil, err
		}
		failed = append(failed, failure{s.Name, errors.Unwrap(err)})
	}
	if len(failed) == 0 {
		return nil, nil, fault.New(fault.NotFound, "open %s: it is neither a path that exists nor an image's name", printable(req.Reference)).
			WithHint("write a name as [registry/]repository[:tag][@sha256:digest]")
	}
	if !isName(req.Reference) {
		return nil, nil, failed.here(req.Reference)
	}
	return nil, nil, failed.fault(req.Reference)
}

// try opens an image at one source. On failure nothing is left behind.
func try(ctx context.Context, req Request, s source) (*Image, *visit, error) {
	v, err := newVisit(req, s.Name)
	if err != nil {
		return nil, nil, err
	}
	img, err := v.open(ctx, s)
	if err == nil {
		return img, v, nil
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause // what it broke is of no interest
	}
	return nil, nil, within("open "+v.shown()+" from "+s.Name, errors.Join(err, v.close()))
}

// within says what was attempted when err came up. A fault stays one.
func within(attempt string, err error) error {
	if fault.Of(err) == fault.Internal {
		return fmt.Errorf("%s: %w", attempt, err)
	}
	return &fault.Fault{Kind: fault.Of(err), Message: attempt + ": " + err.Error(), Hint: fault.Hint(err), Err: err}
}

// failure is why one source did not give the image.
type failure struct {
	source string
	err    error
}

type failures []failure

// telling ranks kinds by how much they say about what is wrong. Those that are
// not here only say that the image is elsewhere.
var telling = []fault.Kind{fault.Denied, fault.Forbidden, fault.Invalid, fault.TooLarge, fault.Unsupported}

// most is the failure that tells most; of those that tell little it is the last.
func (f failures) most() failure {
	for _, kind := range telling {
		i := slices.IndexFunc(f, func(one failure) bool { return fault.Of(one.err) == kind })
		if i >= 0 {
			return f[i]
		}
	}
	return f[len(f)-1]
}

// fault names every source tried and why it failed, one a line.
func (f failures) fault(ref string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "open %s: no source has it", printable(ref))
	for _, one := range f {
		fmt.Fprintf(&b, "\n  %s: %s", one.source, strings.ReplaceAll(one.err.Error(), "\n", " "))
	}
	best := f.most().err
	hint := cmp.Or(fault.Hint(best), "check the name, or choose the source with --from: "+sourceNames())
	return &fault.Fault{Kind: fault.Of(best), Message: b.String(), Hint: hint, Err: best}
}

func sourceNames() string {
	var names []string
	for _, s := range sources {
		names = append(names, s.Name)
	}
	return strings.Join(names, ", ")
}
