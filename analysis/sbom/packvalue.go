package sbom

import (
	"encoding/binary"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/pkg"
)

func (s *scribe) metadata(m any) error {
	if m == nil {
		s.text("")
		return nil
	}
	name, ok := metadataName(reflect.TypeOf(m))
	if !ok {
		return fmt.Errorf("%w: metadata %T", errUnpackable, m)
	}
	s.text(name)
	return s.value(reflect.ValueOf(m))
}

// Kinds of what stands in a field of any type.
const (
	anyNil = iota
	anyText
	anyBool
	anyFloat
	anyInt
	anyList
	anyMap
)

var anyTypes = map[reflect.Type]uint64{
	reflect.TypeFor[string](): anyText, reflect.TypeFor[bool](): anyBool, reflect.TypeFor[float64](): anyFloat,
	reflect.TypeFor[int](): anyInt, reflect.TypeFor[[]any](): anyList, reflect.TypeFor[map[string]any](): anyMap,
}

var (
	typeLocation    = reflect.TypeFor[file.Location]()
	typeLocationSet = reflect.TypeFor[file.LocationSet]()
	typeCoordinates = reflect.TypeFor[file.Coordinates]()
	typeLicenseSet  = reflect.TypeFor[pkg.LicenseSet]()
	typePackage     = reflect.TypeFor[*pkg.Package]()
)

// maxDepth bounds how deep values lie within each other.
const maxDepth = 64

func (s *scribe) value(v reflect.Value) error {
	if s.depth++; s.depth > maxDepth {
		return errUnpackable
	}
	defer func() { s.depth-- }()
	switch v.Type() {
	case typeLocation:
		return s.location(v.Interface().(file.Location))
	case typeLocationSet:
		return s.locations(v.Interface().(file.LocationSet))
	case typeCoordinates:
		s.coordinates(v.Interface().(file.Coordinates))
		return nil
	case typeLicenseSet:
		return s.licences(v.Interface().(pkg.LicenseSet))
	case typePackage:
		return nil
	}
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			s.b = append(s.b, 1)
		} else {
			s.b = append(s.b, 0)
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		s.b = binary.AppendVarint(s.b, v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		s.uint(v.Uint())
	case reflect.Float32, reflect.Float64:
		s.uint(math.Float64bits(v.Float()))
	case reflect.String:
		s.text(v.String())
	case reflect.Slice:
		if v.IsNil() {
			s.uint(0)
			return nil
		}
		s.uint(uint64(v.Len()) + 1)
		return s.elements(v)
	case reflect.Array:
		return s.elements(v)
	case reflect.Map:
		return s.pairs(v)
	case reflect.Pointer:
		if v.IsNil() {
			s.uint(0)
			return nil
		}
		s.uint(1)
		return s.value(v.Elem())
	case reflect.Interface:
		if v.IsNil() {
			s.uint(anyNil)
			return nil
		}
		kind, ok := anyTypes[v.Elem().Type()]
		if !ok {
			return fmt.Errorf("%w: a value of type %s", errUnpackable, v.Elem().Type())
		}
		s.uint(kind)
		return s.value(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if !v.Type().Field(i).IsExported() {
				if !v.Field(i).IsZero() {
					return fmt.Errorf("%w: %s.%s", errUnpackable, v.Type(), v.Type().Field(i).Name)
				}
				continue
			}
			if err := s.value(v.Field(i)); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("%w: a value of type %s", errUnpackable, v.Type())
	}
	return nil
}

func (s *scribe) elements(v reflect.Value) error {
	for i := range v.Len() {
		if err := s.value(v.Index(i)); err != nil {
			return err
		}
	}
	return nil
}

func (s *scribe) pairs(v reflect.Value) error {
	if v.IsNil() {
		s.uint(0)
		return nil
	}
	if v.Type().Key().Kind() != reflect.String {
		return fmt.Errorf("%w: a value of type %s", errUnpackable, v.Type())
	}
	s.uint(uint64(v.Len()) + 1)
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, k := range keys {
		s.text(k.String())
		if err := s.value(v.MapIndex(k)); err != nil {
			return err
		}
	}
	return nil
}
