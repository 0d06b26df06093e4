package env

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/formats/fault"
)

// Bounds are what the analysis of one image may take of a server's machine, where it
// is made in a process of its own.
type Bounds struct {
	Memory int64 // bytes
	Disk   int64 // bytes of temporary files
	Time   time.Duration

	Env []string // further variables that its process has; a * at the end stands for all that begin so

	ImageMB int // millions of bytes of an image's layers, as they are stored; -1 is no limit
}

// ImageBytes is ImageMB in bytes; 0 is no limit.
func (b Bounds) ImageBytes() int64 { return int64(max(b.ImageMB, 0)) * 1_000_000 }

// minMemory is less than any analysis needs: a limit below it was meant otherwise, as
// that of 1 which was to be a gigabyte.
const minMemory = 16 << 20

// Check refuses bounds that no image keeps to.
func (b Bounds) Check() error {
	if b.Memory < minMemory {
		return fault.New(fault.Invalid, "--max-memory %d: an analysis takes more than that: 16MiB is the least that may be given", b.Memory).
			WithHint("a small image takes some 100MiB, and the usual limit is 4GiB; a number without a unit is in bytes")
	}
	if b.ImageMB < 1 && b.ImageMB != -1 {
		return fault.New(fault.Invalid, "--max-compressed-image-size-mb %d: it is 1 or more, or -1 for no limit", b.ImageMB).
			WithHint("a limit of 0 could mean none, or no image at all: leave it out, or give -1, where images may be of any size")
	}
	return nil
}

// Register adds the flags of a command that analyses for a server.
func (b *Bounds) Register(fs *pflag.FlagSet) {
	config.BytesLimit(fs, &b.Memory, "max-memory", 4<<30, "memory that the analysis of one image may take, as in 8GiB")
	config.BytesLimit(fs, &b.Disk, "max-disk", 32<<30, "disk that the temporary files of one analysis may take, as in 100GiB")
	config.Duration(fs, &b.Time, "analysis-time", time.Hour, "how long one analysis may take; 0 is without end")
	fs.IntVar(&b.ImageMB, "max-compressed-image-size-mb", -1, "million bytes that the layers of an image may have together, as its registry stores them; larger ones are refused before they are pulled; -1 is no limit")
	fs.StringSliceVar(&b.Env, "analysis-env", nil, "further variables that the process of an analysis has, as in AWS_*, for a credential helper of Docker that needs them (repeatable)")
	config.Key(fs, "max-compressed-image-size-mb", "limits.compressed-image-size-mb")
	config.Key(fs, "max-memory", "limits.memory")
	config.Key(fs, "max-disk", "limits.disk")
	config.Key(fs, "analysis-time", "limits.time")
	config.Key(fs, "analysis-env", "limits.env")
}
