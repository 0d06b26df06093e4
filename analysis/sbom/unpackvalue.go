package sbom

import (
	"encoding/binary"
	"math"
	"reflect"
)

func (u *unscribe) metadata() any {
	name := u.text()
	if name == "" || u.bad {
		return nil
	}
	t, ok := metadataType(name)
	if !ok {
		u.bad = true
		return nil
	}
	v := reflect.New(t).Elem()
	u.value(v)
	return v.Interface()
}

func (u *unscribe) value(v reflect.Value) {
	if u.depth++; u.depth > maxDepth || u.bad {
		u.bad = true
		return
	}
	defer func() { u.depth-- }()
	switch v.Type() {
	case typeLocation:
		v.Set(reflect.ValueOf(u.location()))
		return
	case typeLocationSet:
		v.Set(reflect.ValueOf(u.locations()))
		return
	case typeCoordinates:
		v.Set(reflect.ValueOf(u.coordinates()))
		return
	case typeLicenseSet:
		v.Set(reflect.ValueOf(u.licences()))
		return
	case typePackage:
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(u.uint() == 1)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, size := binary.Varint(u.b)
		if size <= 0 {
			u.bad = true
			return
		}
		u.b = u.b[size:]
		v.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		v.SetUint(u.uint())
	case reflect.Float32, reflect.Float64:
		v.SetFloat(math.Float64frombits(u.uint()))
	case reflect.String:
		v.SetString(u.text())
	case reflect.Slice:
		if n := u.count(); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n-1, n-1))
			u.elements(v)
		}
	case reflect.Array:
		u.elements(v)
	case reflect.Map:
		u.pairs(v)
	case reflect.Pointer:
		if u.uint() == 1 {
			v.Set(reflect.New(v.Type().Elem()))
			u.value(v.Elem())
		}
	case reflect.Interface:
		u.anything(v)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				u.value(v.Field(i))
			}
		}
	default:
		u.bad = true
	}
}

func (u *unscribe) elements(v reflect.Value) {
	for i := 0; i < v.Len() && !u.bad; i++ {
		u.value(v.Index(i))
	}
}

func (u *unscribe) pairs(v reflect.Value) {
	n := u.count()
	if n == 0 || v.Type().Key().Kind() != reflect.String {
		return
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), n-1))
	for i := 1; i < n && !u.bad; i++ {
		key := reflect.New(v.Type().Key()).Elem()
		key.SetString(u.text())
		value := reflect.New(v.Type().Elem()).Elem()
		u.value(value)
		v.SetMapIndex(key, value)
	}
}

func (u *unscribe) anything(v reflect.Value) {
	kind := u.uint()
	if kind == anyNil {
		return
	}
	for t, k := range anyTypes {
		if k == kind {
			value := reflect.New(t).Elem()
			u.value(value)
			v.Set(value)
			return
		}
	}
	u.bad = true
}
