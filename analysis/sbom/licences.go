package sbom

import (
	"context"
	"sync"
	_ "unsafe" // go:linkname

	"github.com/anchore/syft/syft/cataloging"
	"github.com/google/licensecheck"
)

// syft wants its scanner of licences before it catalogues anything. The scanner's
// tables take over a second to build, and where all that needs them is remembered,
// none is scanned; so they are built when the first text is. Their maker is
// internal to syft, which gives no other way in: that it is still there, and as
// declared here, is seen when tests compare licences.

// scannerConfig is syft's internal/licenses.ScannerConfig.
type scannerConfig struct {
	coverage float64
	scan     func([]byte) licensecheck.Coverage
}

// licenceScanner is syft's internal/licenses.Scanner, as a value to pass on.
type licenceScanner interface{ none() }

//go:linkname newLicenceScanner github.com/anchore/syft/internal/licenses.NewScanner
func newLicenceScanner(*scannerConfig) (licenceScanner, error)

//go:linkname setLicenceScanner github.com/anchore/syft/internal/licenses.SetContextLicenseScanner
func setLicenceScanner(context.Context, licenceScanner) context.Context

// tables are those of syft's licences.
var tables = sync.OnceValues(func() (*licensecheck.Scanner, error) {
	return licensecheck.NewScanner(licensecheck.BuiltinLicenses())
})

// licences holds syft's licence scanner as a value of a context.
var licences = sync.OnceValues(func() (context.Context, error) {
	s, err := newLicenceScanner(&scannerConfig{cataloging.DefaultLicenseConfig().Coverage, scanLicences})
	if err != nil {
		return nil, err
	}
	return setLicenceScanner(context.Background(), s), nil
})

// scanLicences finds licences in a text; without tables, none.
func scanLicences(text []byte) licensecheck.Coverage {
	s, err := tables()
	if err != nil {
		return licensecheck.Coverage{}
	}
	return s.Scan(text)
}

// Prepare builds what cataloguing needs and takes long to build, so that it is
// there when the layers are.
func Prepare() { _, _ = tables() }
