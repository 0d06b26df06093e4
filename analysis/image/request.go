package image

import (
	"net/http"
	"net/url"
	"time"
)

// Request says which image to open and how to reach it.
type Request struct {
	// Reference is the image's name or, for archives and folders, a path. A path
	// may be followed by ":NAME" where the archive or folder holds several
	// images; NAME is one of its tags, or a digest.
	Reference string
	Source    string // a name of Sources; "" tries them in their fixed order
	Platform  string // os/arch[/variant]; "" is linux and the machine's own architecture

	Options Options
}

// Options is how images are reached. The caller fills it in: this package reads
// neither the environment nor configuration of its own.
type Options struct {
	Registry   Registry
	Docker     Docker
	Podman     Podman
	Containerd Containerd
	TempDir    string         // everything spilled goes into one private folder below it; "" is the system's
	Limits     Limits         // what a hostile image may cost
	Progress   func(Progress) // may be nil; called from any goroutine
}

// Registry is how registries are reached. An authority is a host with its port
// as the reference names it, as in "localhost:5000"; Docker Hub's is "docker.io".
type Registry struct {
	Credentials     []Credential  // each is sent to its own authority and to no other
	DockerConfigDir string        // the folder of Docker's config.json, for its credentials and helpers; "" uses none
	CAs             []CA          // certificates to trust beside the system's, each for its own authority and where that leads
	PlainHTTP       []string      // authorities that may be spoken to without TLS
	SkipVerify      []string      // authorities whose certificate is not checked
	StallTimeout    time.Duration // how long a registry may stay silent before it is asked again; 0 is a minute

	Proxy func(*http.Request) (*url.URL, error) // as http.ProxyFromEnvironment; nil goes without one
}

// Credential signs in to one registry: a user and a password, or a token.
type Credential struct {
	Authority string
	Username  string
	Password  string
	Token     string // a bearer token, sent as it is
}

// CA is certificates to trust for one registry.
type CA struct {
	Authority string
	File      string // PEM
}

// Docker is how the Docker daemon is reached. Host wins over Context, which wins
// over the current context of ConfigDir's config.json; with none of them it is
// the system's socket.
type Docker struct {
	Host      string // as in DOCKER_HOST: unix://, tcp://, ssh://
	Context   string // the name of a Docker context
	ConfigDir string // the folder of Docker's config.json and contexts
	CertPath  string // folder of ca.pem, cert.pem and key.pem, for a tcp Host
	TLSVerify bool   // whether the certificate of a tcp Host is checked
}

// Podman is how Podman's service is reached.
type Podman struct {
	Host       string // as in CONTAINER_HOST: unix://, tcp://, ssh://
	RuntimeDir string // the user's runtime folder, as in XDG_RUNTIME_DIR; searched for the user's socket
}

// Containerd is how containerd is reached.
type Containerd struct {
	Address      string        // path of its socket; "" is the system's
	Namespace    string        // "" is "default"
	StallTimeout time.Duration // how long it may stay silent; 0 is a minute
}

// Limits bound what an image may cost; 0 is the default given here.
type Limits struct {
	MaxImageBytes    int64 // all layers together, unpacked; and an archive that a daemon streams: 64 GiB
	MaxStoredBytes   int64 // all layers together, as the manifest has their sizes; none
	MaxManifestBytes int64 // a manifest, an index or a configuration: 8 MiB
	MaxLayers        int   // 1,000
	MaxArchived      int   // files, folders and links of the archive that holds an image, not of its layers: 100,000
}

// Progress is one step of work, reported while it goes on.
type Progress struct {
	Stage    string // resolve, pull, read, catalog, search, write
	Item     string // a layer's digest, or ""
	Done     int64  // bytes
	Total    int64  // bytes; 0 is unknown
	Finished bool
}

// defaults fills in what is 0.
func (l Limits) defaults() Limits {
	if l.MaxImageBytes <= 0 {
		l.MaxImageBytes = 64 << 30
	}
	if l.MaxManifestBytes <= 0 {
		l.MaxManifestBytes = 8 << 20
	}
	if l.MaxLayers <= 0 {
		l.MaxLayers = 1000
	}
	if l.MaxArchived <= 0 {
		l.MaxArchived = 100_000
	}
	return l
}
