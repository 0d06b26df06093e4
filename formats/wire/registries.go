package wire

import "time"

// Types of registries.
const (
	RegistryDocker = "docker_v2"
	RegistryECR    = "awsecr"
)

// Registry is what an account has stored for a registry. The password is not
// part of it.
type Registry struct {
	Registry    string    `json:"registry"` // a host, host/repository, or the beginning of one and "*"
	Name        string    `json:"registry_name"`
	User        string    `json:"registry_user"`
	Type        string    `json:"registry_type"`
	Verify      bool      `json:"registry_verify"`
	AccountName string    `json:"account_name"`
	CreatedAt   time.Time `json:"created_at"`
	LastUpdated time.Time `json:"last_updated"`
}

// RegistryRequest adds or changes a registry. When one is changed, nil leaves a
// value as it is.
type RegistryRequest struct {
	Registry string  `json:"registry,omitempty"`
	Name     *string `json:"registry_name,omitempty"`
	User     *string `json:"registry_user,omitempty"`
	Password *string `json:"registry_pass,omitempty"`
	Type     *string `json:"registry_type,omitempty"`
	Verify   *bool   `json:"registry_verify,omitempty"`
}

// String hides the password.
func (r RegistryRequest) String() string { return "registry " + r.Registry }

// RepositoryOptions say how a repository is added.
type RepositoryOptions struct {
	AutoSubscribe bool // the tags found are watched too
	DryRun        bool // only tells what would be added
	ExcludeTags   bool // the tags that are there already are not added
}
