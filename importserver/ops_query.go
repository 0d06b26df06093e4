package importserver

// queryOps are the operations of questions over all images.
var queryOps = map[string]operation{}

// queryPending are those that are yet to be built.
var queryPending = []string{
	"query_images_by_package",
	"query_vulnerabilities",
}
