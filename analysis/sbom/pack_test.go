package sbom_test

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/anchore/syft/syft/cpe"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/format/syftjson"
	"github.com/anchore/syft/syft/pkg"
	syftsbom "github.com/anchore/syft/syft/sbom"
	"github.com/anchore/syft/syft/source"
	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/sbom"
)

// TestCatalogersOfImages is about what syft selects for images: all of it is
// surveyed, and nothing else. One that is new would run each time.
func TestCatalogersOfImages(t *testing.T) {
	all := readPass(t, imageOf(t, distro))
	c, err := sbom.Catalog(t.Context(), all.resolver(t), all.source, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := used(t, imageOf(t, distro))
	if diff := cmp.Diff(want, c.Catalogers()); diff != "" {
		t.Errorf("other catalogers ran than syft's (-syft +ours):\n%s", diff)
	}
	files := slices.DeleteFunc(slices.Clone(want), func(n string) bool { return slices.Contains(sbom.OfImages(), n) })
	if diff := cmp.Diff([]string{"file-content-cataloger", "file-digest-cataloger", "file-executable-cataloger", "file-metadata-cataloger"}, files); diff != "" {
		t.Errorf("catalogers that are not surveyed:\n%s", diff)
	}
}

// metadata are the types of metadata that catalogers of images give, with values
// in every field.
var metadata = []any{
	pkg.AlpmDBEntry{}, pkg.ApkDBEntry{}, pkg.BinarySignature{}, pkg.BitnamiSBOMEntry{}, pkg.ConaninfoEntry{}, pkg.CpanDistribution{},
	pkg.DotnetDepsEntry{}, pkg.DotnetPackagesLockEntry{}, pkg.DotnetPortableExecutableEntry{}, pkg.DpkgDBEntry{},
	pkg.ELFBinaryPackageNoteJSONPayload{}, pkg.GGUFFileHeader{}, pkg.GolangBinaryBuildinfoEntry{}, pkg.HomebrewFormula{}, pkg.JavaArchive{}, pkg.JavaVMInstallation{},
	pkg.LinuxKernel{}, pkg.LinuxKernelModule{}, pkg.LuaRocksPackage{}, pkg.NixStoreEntry{}, pkg.NpmPackage{}, pkg.PEBinary{}, pkg.PhpComposerInstalledEntry{},
	pkg.PhpPearEntry{}, pkg.PortageEntry{}, pkg.PythonPackage{}, pkg.RDescription{}, pkg.RpmDBEntry{}, pkg.RubyGemspec{}, pkg.RustBinaryAuditEntry{},
	pkg.SnapEntry{}, pkg.WordpressPluginEntry{},
}

// TestPackagesAreUnpackedAsTheyWere is about everything that a document tells of
// a package.
func TestPackagesAreUnpackedAsTheyWere(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	const layer = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for _, m := range metadata {
		for n := range 20 {
			v := reflect.New(reflect.TypeOf(m)).Elem()
			fill(random, v, n > 0, 0)
			l := file.NewVirtualLocation("/a"+strconv.Itoa(n), "/b").WithAnnotation("evidence", "primary")
			l.FileSystemID = layer
			p := pkg.Package{
				Name: "x", Version: strconv.Itoa(n), Type: pkg.DebPkg, PURL: "pkg:deb/x", Language: pkg.Go, FoundBy: "y",
				Locations: file.NewLocationSet(l), Metadata: v.Interface(),
			}
			if n > 0 {
				p.CPEs = []cpe.CPE{cpe.Must("cpe:2.3:a:x:y:1:*:*:*:*:*:*:*", cpe.GeneratedSource)}
				p.Licenses = pkg.NewLicenseSet(pkg.NewLicense("MIT"), pkg.NewLicenseFromLocations("odd", l))
			}
			p.SetID()
			back, err := sbom.PackAndUnpack(p, []string{layer})
			if err != nil {
				t.Fatalf("%T: %v", m, err)
			}
			if diff := cmp.Diff(modelOf(p), modelOf(back), cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
				t.Fatalf("%T:\n%s", m, diff)
			}
			if p.ID() != back.ID() {
				t.Errorf("%T: another identity", m)
			}
			if again := back; true {
				again.SetID()
				if again.ID() != p.ID() {
					t.Errorf("%T: what identifies it is lost", m)
				}
			}
		}
	}
}

func modelOf(p pkg.Package) any {
	return syftjson.ToFormatModel(syftsbom.SBOM{Source: source.Description{}, Artifacts: syftsbom.Artifacts{Packages: pkg.NewCollection(p)}}, syftjson.DefaultEncoderConfig()).Artifacts
}

// fill gives all fields values, or none.
func fill(random *rand.Rand, v reflect.Value, any bool, depth int) {
	if v.Type() == reflect.TypeFor[*pkg.Package]() || depth > 5 {
		return
	}
	some := func() bool { return any && random.IntN(4) > 0 }
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(random, v.Field(i), any, depth+1)
			}
		}
	case reflect.Pointer:
		if some() {
			v.Set(reflect.New(v.Type().Elem()))
			fill(random, v.Elem(), any, depth+1)
		}
	case reflect.Slice:
		if some() {
			n := random.IntN(3)
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				fill(random, v.Index(i), any, depth+1)
			}
		}
	case reflect.Map:
		if some() {
			v.Set(reflect.MakeMap(v.Type()))
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(random, key, any, depth+1)
			fill(random, value, any, depth+1)
			v.SetMapIndex(key, value)
		}
	case reflect.String:
		if some() {
			v.SetString(strconv.FormatUint(random.Uint64(), 36))
		}
	case reflect.Bool:
		v.SetBool(some())
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Int16, reflect.Int8:
		if some() {
			v.SetInt(int64(random.IntN(100)))
		}
	case reflect.Uint, reflect.Uint64, reflect.Uint32, reflect.Uint16, reflect.Uint8:
		if some() {
			v.SetUint(uint64(random.IntN(100)))
		}
	case reflect.Float64, reflect.Float32:
		if some() {
			v.SetFloat(1.5)
		}
	case reflect.Interface:
		if some() && v.NumMethod() == 0 {
			v.Set(reflect.ValueOf("x"))
		}
	}
}

func TestUnknownsAreMadeAgain(t *testing.T) {
	if err, ok := sbom.ThroughUnknowns(nil); err != nil || !ok {
		t.Errorf("of no error: %v", err)
	}
	if _, ok := sbom.ThroughUnknowns(errors.New("out of memory")); ok {
		t.Error("an error that is of no file can be made again")
	}
}
