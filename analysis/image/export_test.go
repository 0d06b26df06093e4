package image

import "github.com/tidepole/tidepole/formats/reference"

// RepositoryURL is where a repository's manifests and blobs are asked for.
func RepositoryURL(ref string, plain bool) (string, error) {
	r, err := reference.Parse(ref)
	if err != nil {
		return "", err
	}
	repo, err := repositoryOf(r, plain)
	if err != nil {
		return "", err
	}
	return repo.Scheme() + "://" + repo.RegistryStr() + "/v2/" + repo.RepositoryStr(), nil
}
