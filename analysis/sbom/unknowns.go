package sbom

import (
	"context"
	"errors"
	"io"
	"reflect"
	"strings"
	"sync"

	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/pkg/cataloger/generic"
)

// A cataloger's error tells of files that it could not make sense of. Its type is
// syft's own, which only syft's code makes.

// unknownsOf takes apart what a cataloger's error tells of files; complete says
// whether that is all it tells.
func unknownsOf(err error) (list []unknown, complete bool) {
	if err == nil {
		return nil, true
	}
	if reflect.TypeOf(err) == unknownType() {
		v := reflect.ValueOf(err).Elem()
		at, ok := v.FieldByName("Coordinates").Interface().(file.Coordinates)
		reason, because := v.FieldByName("Reason").Interface().(error)
		if !ok || !because {
			return nil, false
		}
		return []unknown{{at, []string{reason.Error()}}}, true
	}
	var inner []error
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		inner = e.Unwrap()
	case interface{ WrappedErrors() []error }:
		inner = e.WrappedErrors()
	case interface{ Unwrap() error }:
		if e.Unwrap() == nil {
			return nil, false
		}
		inner = []error{e.Unwrap()}
	default:
		return nil, false
	}
	for _, e := range inner {
		more, ok := unknownsOf(e)
		if !ok {
			return nil, false
		}
		list = append(list, more...)
	}
	return list, true
}

// errorOf is an error that tells of files what unknownsOf took from one.
func errorOf(list []unknown) error {
	var all []error
	for _, u := range list {
		for _, reason := range u.Reasons {
			all = append(all, unknownError(u.At, reason))
		}
	}
	return errors.Join(all...)
}

// unknownType is the type of such errors.
var unknownType = sync.OnceValue(func() reflect.Type {
	err := unknownError(file.NewCoordinates("/x", ""), "x")
	for err != nil {
		t := reflect.TypeOf(err)
		if t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct {
			if _, ok := t.Elem().FieldByName("Coordinates"); ok {
				return t
			}
		}
		switch e := err.(type) {
		case interface{ Unwrap() []error }:
			if len(e.Unwrap()) == 0 {
				return nil
			}
			err = e.Unwrap()[0]
		default:
			err = errors.Unwrap(err)
		}
	}
	return nil
})

// unknownError is the error of a cataloger of syft's that fails at one file.
func unknownError(at file.Coordinates, reason string) error {
	fails := func(context.Context, file.Resolver, *generic.Environment, file.LocationReadCloser) ([]pkg.Package, []artifact.Relationship, error) {
		return nil, nil, errors.New(reason)
	}
	_, _, err := generic.NewCataloger("").WithParserByGlobs(fails, "*").Catalog(context.Background(), only{at: at})
	return err
}

// only is an image of one empty file.
type only struct {
	file.Resolver
	at file.Coordinates
}

func (o only) FilesByGlob(...string) ([]file.Location, error) {
	return []file.Location{file.NewLocationFromCoordinates(o.at)}, nil
}

func (o only) FilesByPath(...string) ([]file.Location, error) { return nil, nil }

func (o only) FileContentsByLocation(file.Location) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("")), nil
}
