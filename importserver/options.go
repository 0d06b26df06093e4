package importserver

import (
	"context"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
)

// Functions are the analysis that a server is handed; it links no engine itself.
// All of them are called from several goroutines at once.
type Functions struct {
	// Resolve asks the registry which image a name stands for, without its layers.
	// Its faults are answered to the client.
	Resolve func(context.Context, Target) (Resolved, error)
	// Analyze pulls and analyses an image and calls Importer.Import once.
	// A fault that is Invalid, Denied, Forbidden, NotFound, Conflict, TooLarge or
	// Unsupported fails the image at once; any other error is tried again.
	Analyze func(context.Context, Job, Importer) error
	// Match finds the vulnerabilities of a bundle's packages.
	Match func(context.Context, *bundle.Bundle) (report.Matches, error)
	// Evaluate judges an image by a policy.
	Evaluate func(context.Context, policy.Policy, *bundle.Bundle, report.Matches, report.Image, string) (report.Evaluation, error)
	// CheckPolicy lists every defect of a policy in one fault.Invalid.
	CheckPolicy func(policy.Policy) error
	// DefaultPolicy is active in an account that has none yet.
	DefaultPolicy policy.Policy
	// Encode writes a syft document in one of SBOMFormats.
	Encode      func(ctx context.Context, format string, syftJSON io.Reader, w io.Writer) error
	SBOMFormats []string
	// PolicySpec describes the gates that policies may use.
	PolicySpec []wire.GateSpec
	// Ping tells whether a registry takes a login. Its faults are answered to the
	// client.
	Ping func(ctx context.Context, registry string, l *Login) error
	// Tags lists the tags of a repository, "registry/repository".
	Tags func(ctx context.Context, repository string, l *Login) ([]string, error)
	// Database is the vulnerability database that Match uses.
	Database Database
}

// Target is an image as a client asks for it.
type Target struct {
	PullString string // "registry/repository:tag" or "…@digest"
	Platform   string // os/arch[/variant]; "" is the analyser's choice
	Login      *Login // nil: the server's own, if any
}

// Resolved is the image that a target stands for at this moment.
type Resolved struct {
	Digest       string // of the platform's manifest: the image's identity
	ParentDigest string // of the list or index; "" or Digest where there is none
	ImageID      string // of the configuration
	Platform     string // the platform chosen; "" where there was no choice
}

// Job is an analysis to be made.
type Job struct {
	PullString   string // "registry/repository@digest": of the list where the image came from one
	Platform     string // with the above, leads to Digest
	Login        *Login
	Digest       string // the image expected; the evidence of any other is refused
	ParentDigest string
	Tags         []string // full tags to record the evidence under
	Dockerfile   []byte   // nil where none was given
	Annotations  map[string]string
	Progress     func(stage string) // says what is being done; never nil
}

// Importer takes a bundle in.
type Importer interface {
	Import(context.Context, *bundle.Bundle, wire.AddOptions) (wire.Receipt, error)
}

// Database is the vulnerability database of a server.
type Database interface {
	Status(context.Context) report.Database
	Import(ctx context.Context, r io.Reader, name, checksum string) (report.Database, error)
	Update(context.Context) (db report.Database, changed bool, err error)
}

// Options say where a server keeps its data and how it works. A zero value is
// the default that its comment gives.
type Options struct {
	Dir           string // holds everything: rows, blobs, the admin password; made where absent
	Version       string
	AdminPassword string // "": kept in Dir/admin-password, generated at the first start

	Workers      int           // images processed at once: 2
	LeaseTime    time.Duration // how long a silent worker keeps its work: 60 s
	Heartbeat    time.Duration // how often a worker shows that it lives: a quarter of LeaseTime
	PollInterval time.Duration // how often idle workers look for work that nobody announced: 1 s
	Grace        time.Duration // how long Run waits for running work once its context ended: 10 s
	JobTime      time.Duration // the longest that one attempt may take: 1 h
	MaxAttempts  int           // of a stage, before an image fails: 5
	RetryDelay   time.Duration // after the first failed attempt, doubled after each: 5 s
	Housekeeping time.Duration // how often rubbish is removed: 60 s
	ImportTTL    time.Duration // how long an import operation lives: 24 h
	MaxImports   int           // import operations that an account may have open: 1,000
	BlobAge      time.Duration // how long an unreferenced blob is kept: 1 h
	EventAge     time.Duration // how long an event is kept: 30 days
	MaxEvents    int           // events kept of an account: 100,000
	Standstill   time.Duration // how long a client may send, or take, nothing: 60 s
	LoginDelay   time.Duration // how long a failed login waits for its answer: 250 ms

	MaxPart     int64 // bytes of one unpacked part: 1 GiB
	MaxDatabase int64 // bytes of a vulnerability database as uploaded: 8 GiB

	Log  *slog.Logger     // nothing is logged where nil
	Now  func() time.Time // time.Now
	Host string           // named in an image's history: the machine's name
}

func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" {
		return o, fault.New(fault.Invalid, "open server: no data directory is given")
	}
	set(&o.Version, "unknown")
	set(&o.Workers, 2)
	set(&o.LeaseTime, time.Minute)
	set(&o.Heartbeat, o.LeaseTime/4)
	set(&o.PollInterval, time.Second)
	set(&o.Grace, 10*time.Second)
	set(&o.JobTime, time.Hour)
	set(&o.MaxAttempts, 5)
	set(&o.RetryDelay, 5*time.Second)
	set(&o.Housekeeping, time.Minute)
	set(&o.ImportTTL, 24*time.Hour)
	set(&o.MaxImports, 1000)
	set(&o.BlobAge, time.Hour)
	set(&o.EventAge, 30*24*time.Hour)
	set(&o.MaxEvents, 100_000)
	set(&o.Standstill, time.Minute)
	set(&o.LoginDelay, 250*time.Millisecond)
	set(&o.MaxPart, 1<<30)
	set(&o.MaxDatabase, 8<<30)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Host == "" {
		o.Host, _ = os.Hostname()
	}
	return o, nil
}

// set gives an option its default where it has no value.
func set[T comparable](option *T, value T) {
	var zero T
	if *option == zero {
		*option = value
	}
}
