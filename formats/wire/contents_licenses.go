package wire

// PackageLicenses are one package's licences, in the answer of GET
// /images/{digest}/content/licenses: {"items": […]}.
type PackageLicenses struct {
	Package  LicensedPackage `json:"package"`
	Licenses []License       `json:"licenses"`
}

// LicensedPackage says whose licences they are.
type LicensedPackage struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Type    string `json:"type"`
	PURL    string `json:"purl"`
}

// License is a licence that a package declares.
type License struct {
	ID     string `json:"license_id,omitempty"` // SPDX's name, or an expression of such names
	Name   string `json:"license_name"`         // as the package has it
	URL    string `json:"license_url,omitempty"`
	Source string `json:"source"` // LicenseFromSBOM
}

// LicenseFromSBOM says that a licence was read out of the image.
const LicenseFromSBOM = "sbom"
