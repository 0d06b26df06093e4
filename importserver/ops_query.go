package importserver

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

// queryOps are the operations of questions over all images.
var queryOps = map[string]operation{
	"query_images_by_package":       queryByPackage,
	"query_images_by_vulnerability": queryByVulnerability,
	"query_vulnerabilities":         queryVulnerabilities,
}

func queryByPackage(a *Account, w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	page, err := pageOf(q)
	if err != nil {
		return err
	}
	f := wire.PackageFilter{Name: q.Get("name"), Type: q.Get("package_type"), Version: q.Get("version"), PageRequest: page}
	return giveHolders(w, "packages", func(add eachHolder[wire.PackageReference]) (wire.Page, error) {
		return a.eachWithPackage(r.Context(), f, add)
	})
}

func queryByVulnerability(a *Account, w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	page, err := pageOf(q)
	if err != nil {
		return err
	}
	f := wire.ByVulnerabilityFilter{
		ID: q.Get("vulnerability_id"), Namespace: q.Get("namespace"), Package: q.Get("affected_package"),
		Severity: q.Get("severity"), VendorOnly: flag(q, "vendor_only", true), PageRequest: page,
	}
	return giveHolders(w, "affected_packages", func(add eachHolder[wire.VulnerablePackage]) (wire.Page, error) {
		return a.eachWithVulnerability(r.Context(), f, add)
	})
}

// tailRoom is how many bytes are kept of what was said of packages.
const tailRoom = 16 << 20

// giveHolders answers with images and their packages as they are found. The head of
// the page comes last: only then is it known.
func giveHolders[P any](w http.ResponseWriter, name string, each func(add eachHolder[P]) (wire.Page, error)) error {
	return rawList(asJSON(w), `{"images":[`, func(add func([]byte) error) (string, error) {
		var one []byte
		tails, size := map[int][]byte{}, 0 // what is said of packages that are the same, and how long it is
		head, err := each(func(reference []byte, same int, packages func() []P) error {
			tail, ok := tails[same]
			if !ok {
				list, err := json.Marshal(packages())
				if err != nil {
					return err
				}
				tail = []byte(`,"` + name + `":` + string(list) + `}`)
				if size += len(tail); size > tailRoom {
					clear(tails)
					size = len(tail)
				}
				tails[same] = tail
			}
			one = append(append(append(one[:0], `{"image":`...), reference...), tail...)
			return add(one)
		})
		if err != nil {
			return "", err
		}
		tail, err := json.Marshal(head)
		return "]," + string(tail[1:]) + "\n", err
	})
}

func queryVulnerabilities(a *Account, w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	page, err := pageOf(q)
	if err != nil {
		return err
	}
	found, err := a.KnownVulnerabilities(r.Context(), wire.KnownFilter{
		IDs: listed(q, "id"), Package: q.Get("affected_package"), PackageVersion: q.Get("affected_package_version"),
		Namespaces: listed(q, "namespace"), PageRequest: page,
	})
	return give(w, found, err)
}

// pageOf reads which page is asked for.
func pageOf(q url.Values) (wire.PageRequest, error) {
	page, err := queryInt(q, "page", 1)
	if err != nil {
		return wire.PageRequest{}, err
	}
	if page < 1 {
		return wire.PageRequest{}, fault.New(fault.Invalid, "pages count from 1, and %d is none", page)
	}
	limit, err := queryInt(q, "limit", 0)
	return wire.PageRequest{Page: page, Limit: limit}, err
}

// listed are the values of a query's list: separated by commas, or given one by one.
func listed(q url.Values, name string) []string {
	var all []string
	for _, v := range strings.Split(strings.Join(q[name], ","), ",") {
		if v = strings.TrimSpace(v); v != "" {
			all = append(all, v)
		}
	}
	return all
}
