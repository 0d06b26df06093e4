package policy

// retiredGates are understood so that old policies go on working. None fires.
var retiredGates = []Gate{
	retired("anchoresec", "vulnerabilities"),
	retired("dockerfilecheck", "dockerfile"),
	retired("filecheck", "files"),
	retired("fileparse_passwd", "passwd_file"),
	retired("gemcheck", "ruby_gems"),
	retired("image_source_drift", ""),
	retired("imagecheck", ""),
	retired("licblacklist", "licenses"),
	retired("metadatacheck", "metadata"),
	retired("npmcheck", "npms"),
	retired("pkgblacklist", "packages"),
	retired("pkgcheck", "packages"),
	retired("pkgdiff", ""),
	retired("secretcheck", "secret_scans"),
	retired("suiddiff", ""),
}

func retired(name, instead string) Gate {
	return Gate{Name: name, Description: "Retired: rules of this gate never fire.", Retired: true, Instead: instead}
}
