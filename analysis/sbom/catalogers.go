package sbom

import (
	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/pkg/cataloger/ai"
	"github.com/anchore/syft/syft/pkg/cataloger/alpine"
	"github.com/anchore/syft/syft/pkg/cataloger/apple"
	"github.com/anchore/syft/syft/pkg/cataloger/arch"
	"github.com/anchore/syft/syft/pkg/cataloger/binary"
	"github.com/anchore/syft/syft/pkg/cataloger/bitnami"
	"github.com/anchore/syft/syft/pkg/cataloger/cpp"
	"github.com/anchore/syft/syft/pkg/cataloger/debian"
	"github.com/anchore/syft/syft/pkg/cataloger/dotnet"
	"github.com/anchore/syft/syft/pkg/cataloger/gentoo"
	"github.com/anchore/syft/syft/pkg/cataloger/golang"
	"github.com/anchore/syft/syft/pkg/cataloger/homebrew"
	"github.com/anchore/syft/syft/pkg/cataloger/java"
	"github.com/anchore/syft/syft/pkg/cataloger/javascript"
	"github.com/anchore/syft/syft/pkg/cataloger/kernel"
	"github.com/anchore/syft/syft/pkg/cataloger/lua"
	"github.com/anchore/syft/syft/pkg/cataloger/nix"
	"github.com/anchore/syft/syft/pkg/cataloger/perl"
	"github.com/anchore/syft/syft/pkg/cataloger/php"
	"github.com/anchore/syft/syft/pkg/cataloger/python"
	"github.com/anchore/syft/syft/pkg/cataloger/r"
	"github.com/anchore/syft/syft/pkg/cataloger/redhat"
	"github.com/anchore/syft/syft/pkg/cataloger/ruby"
	"github.com/anchore/syft/syft/pkg/cataloger/rust"
	"github.com/anchore/syft/syft/pkg/cataloger/snap"
	"github.com/anchore/syft/syft/pkg/cataloger/wordpress"
)

// ofImages are the catalogers that syft selects for images: first the one that takes
// as long as all others together where there is much of Java, so that it is not the
// last one, alone; then in syft's order. One that is missing runs as syft's own, each
// time; a test tells of it.
func ofImages() []pkg.Cataloger {
	c := syft.DefaultCreateSBOMConfig().Packages
	return []pkg.Cataloger{
		java.NewArchiveCataloger(c.JavaArchive),
		arch.NewDBCataloger(),
		alpine.NewDBCataloger(),
		debian.NewDBCataloger(),
		gentoo.NewPortageCataloger(),
		redhat.NewDBCataloger(),
		cpp.NewConanInfoCataloger(),
		javascript.NewPackageCataloger(),
		php.NewComposerInstalledCataloger(),
		r.NewPackageCataloger(),
		ruby.NewInstalledGemSpecCataloger(),
		rust.NewAuditBinaryCataloger(),
		php.NewPearCataloger(),
		dotnet.NewDotnetDepsBinaryCataloger(c.Dotnet),
		dotnet.NewDotnetPackagesLockCataloger(),
		python.NewInstalledPackageCataloger(),
		golang.NewGoModuleBinaryCataloger(c.Golang),
		java.NewNativeImageCataloger(),
		storeOnly{nix.NewCataloger(c.Nix)},
		lua.NewPackageCataloger(),
		perl.NewCpanInstalledCataloger(),
		binary.NewClassifierCataloger(c.Binary),
		binary.NewELFPackageCataloger(),
		binary.NewPEPackageCataloger(),
		java.NewJvmDistributionCataloger(),
		kernel.NewLinuxKernelCataloger(c.LinuxKernel),
		php.NewInterpreterCataloger(),
		bitnami.NewCataloger(),
		wordpress.NewWordpressPluginCataloger(),
		homebrew.NewCataloger(),
		apple.NewAppBundleCataloger(),
		snap.NewCataloger(),
		ai.NewGGUFCataloger(),
		ai.NewSafeTensorsCataloger(),
	}
}
