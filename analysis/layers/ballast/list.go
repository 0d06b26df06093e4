package ballast

// group is extensions of files that nobody catalogues, and why not.
type group struct {
	why        string
	extensions string // in lower case, without their dots
}

// groups is what is ballast, but for the names below.
var groups = []group{
	{"source code: packages are known by their manifests and lock files", `
		c cc cpp cxx c++ h hh hpp hxx h++ inc inl ipp tcc s asm m mm
		go rs swift kt kts scala groovy java clj cljs cs fs fsx vb d zig nim
		js mjs cjs jsx ts mts cts tsx coffee vue svelte
		py pyi pyx pxd rb rbs erb rake php phtml pl t tcl el lua r jl hs lhs ml mli mll mly erl hrl ex exs
		f f77 f90 f95 f03 for pas pp adb ads v sv vhd vhdl cu cuh cl glsl proto thrift idl sql awk`},
	{"byte code and what compilers leave for themselves: made of source code", `
		pyc pyo class elc beam rbc hi dyn_hi cmi cmo cmx cmt cmti cma cmxa o lo obj a lib la gch pch
		rmeta rlib map tsbuildinfo`},
	{"style sheets and pages", `css scss sass less styl html htm xhtml shtml hbs ejs pug haml slim mustache jst tmpl j2 jinja`},
	{"pictures", `png jpg jpeg gif bmp ico icns svg svgz webp tif tiff xpm xbm pnm ppm pgm pbm psd xcf eps avif heic`},
	{"sound and film", `mp3 ogg oga opus wav flac aac m4a mid midi mp4 m4v webm avi mov mkv mpg mpeg`},
	{"fonts", `ttf otf ttc woff woff2 eot pfb pfa pfm afm tfm vf pcf bdf psf`},
	{"documents", `pdf ps dvi djvu tex sty bib info texi texinfo rst adoc asciidoc pod rdoc ri doc docx odt ppt pptx xls xlsx epub chm hlp`},
	{"translations, and tables of languages", `mo po pot gmo qm msg catalog ucm enc`},
	{"data of tables, maps, models of speech and the like", `csv tsv shp dbf geojson topojson kml npy npz hdf5 nc fits parquet arrow`},
	{"logs, patches and what editors leave", `log patch diff orig rej swp bak`},
}

// name is a kind of name that is asked for. An empty rule matches all names.
type name struct {
	why    string
	begins string
	ends   string
	has    []string // the name has one of these
	below  []string // the path of the folder, with its last slash, has one of these
}

// names are of files that syft's catalogers read although their extensions are
// those of ballast.
var names = []name{
	{why: "licence texts of packages", has: []string{
		"LICEN", "licen", "Licen", "COPYING", "copying", "Copying", "NOTICE", "notice", "Notice", "LGPL", "AL2.0",
	}},
	{why: "Python's metadata, and the licence files that it names", below: []string{"-info/", "-INFO/"}},
	{why: "Debian's and opkg's records, under any name", below: []string{"/dpkg/", "/opkg/"}},
	{why: "WordPress plug-ins", ends: ".php", below: []string{"/wp-content/plugins/"}},
	{why: "Homebrew's formulas", ends: ".rb", below: []string{"/.brew/", "/Formula/"}},
	{why: "Python's setup.py", begins: "setup.py"},
	{why: "packs of SWI-Prolog", begins: "pack.pl"},
	{why: "Perl's record of what was installed", begins: "perllocal.pod"},
	{why: "Erlang's runtime", begins: "liberts_internal.a"},
	{why: "classifiers of binaries ask for php*", begins: "php"},
	{why: "for python*", begins: "python"},
	{why: "for composer*", begins: "composer"},
	{why: "for ghc*", begins: "ghc"},
	{why: "for libav*", begins: "libav"},
	{why: "for libswresample*", begins: "libswresample"},
	{why: "for libpypy*.so*", begins: "libpypy"},
	{why: "for libkrb5.so*", begins: "libkrb5"},
	{why: "for libQt*Core.so*", begins: "libQt"},
	{why: "for gradle.lockfile*", begins: "gradle.lockfile"},
	{why: "for VERSION* beside a Go tool chain", begins: "VERSION"},
	{why: "kernels", begins: "kernel-"},
	{why: "kernels", begins: "vmlinuz-"},
	{why: "kernels", begins: "vmlinux-"},
	{why: "kernels", begins: "bzImage-"},
	{why: "kernels", begins: "zImage-"},
	{why: "bills of materials under any extension", has: []string{".bom.", ".cdx.", ".sbom.", ".spdx."}},
	{why: "requirements of Python under any name", has: []string{"requirements"}, ends: ".txt"},
	{why: "Red Hat's, Apt's and Alpine's configuration", below: []string{"/etc/apt/", "/etc/apk/", "/buildinfo/"}},
	{why: "Gentoo's and Arch's records", below: []string{"/var/db/pkg/", "/var/lib/pacman/"}},
	{why: "PEAR's and CPAN's records", below: []string{"/.registry/", "/.meta/"}},
	{why: "conda's records", below: []string{"/conda-meta/"}},
}
