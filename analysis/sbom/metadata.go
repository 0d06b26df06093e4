package sbom

import (
	"encoding/json"
	"reflect"
	"sync"

	"github.com/anchore/syft/syft/format/syftjson"
	"github.com/anchore/syft/syft/format/syftjson/model"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"
)

// namedTypes are the types of packages' metadata by what syft's documents call
// them, and these names by type; nil and "" for those that are not found again
// under their names.
var namedTypes, typeNames sync.Map

// metadataName is what syft's documents call a type of metadata, if the type is
// found again under that name.
func metadataName(t reflect.Type) (string, bool) {
	known, ok := typeNames.Load(t)
	if !ok {
		known = nameOf(t)
		typeNames.Store(t, known)
	}
	name := known.(string)
	return name, name != ""
}

func nameOf(t reflect.Type) string {
	p := pkg.Package{Name: "x", Metadata: reflect.Zero(t).Interface()}
	all := syftjson.ToFormatModel(sbom.SBOM{Artifacts: sbom.Artifacts{Packages: pkg.NewCollection(p)}}, syftjson.DefaultEncoderConfig()).Artifacts
	if len(all) != 1 || all[0].MetadataType == "" {
		return ""
	}
	name := all[0].MetadataType
	if found, ok := metadataType(name); !ok || found != t {
		return ""
	}
	return name
}

// metadataType is the type of metadata that syft's documents call by that name.
func metadataType(name string) (reflect.Type, bool) {
	known, ok := namedTypes.Load(name)
	if !ok {
		known = typeOf(name)
		namedTypes.Store(name, known)
	}
	t, ok := known.(reflect.Type)
	return t, ok && t != noType
}

func typeOf(name string) reflect.Type {
	text, err := json.Marshal(map[string]any{"metadataType": name, "metadata": map[string]any{}})
	if err != nil {
		return noType
	}
	var p model.Package
	if json.Unmarshal(text, &p) != nil || p.MetadataType != name || p.Metadata == nil {
		return noType
	}
	if t := reflect.TypeOf(p.Metadata); t.Kind() == reflect.Struct || t.Kind() == reflect.Slice {
		return t
	}
	return noType
}

// noType stands for a name that no type is found under.
var noType = reflect.TypeFor[error]()
