package policy

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
)

// firing is one occurrence of what a rule describes.
type firing struct {
	id, message string
	remedies    []string // what can be done about it, the best first; nil where it is what the trigger always says
}

// outcome takes what the check of one rule finds.
type outcome struct {
	gate, trigger, rule string
	seen                map[[2]string]bool // by id and message

	fire func(firing)
	miss func(what string)
}

// firef fires under an id made of gate, trigger and message.
func (o *outcome) firef(format string, args ...any) {
	o.fireMessage(fmt.Sprintf(format, args...), nil)
}

// fireMessage is firef with remedies of its own.
func (o *outcome) fireMessage(message string, remedies []string) {
	o.fireRemedied(digest(o.gate, o.trigger, message), message, remedies)
}

// fireDetail fires under an id made of gate, trigger and message; the detail,
// which may change from build to build, is shown and leaves the id alone.
func (o *outcome) fireDetail(message, detail string) {
	o.fireAs(digest(o.gate, o.trigger, message), message+detail)
}

// fireAs fires under an id of the trigger's choice. The same twice counts once.
func (o *outcome) fireAs(id, message string) { o.fireRemedied(id, message, nil) }

// fireRemedied is fireAs with remedies of its own.
func (o *outcome) fireRemedied(id, message string, remedies []string) {
	key := [2]string{id, message}
	if o.seen[key] {
		return
	}
	if len(o.seen) < MaxFindings {
		o.seen[key] = true
	}
	o.fire(firing{id, message, remedies})
}

// missf says that something was not judged because the evidence lacks it.
func (o *outcome) missf(format string, args ...any) { o.miss(fmt.Sprintf(format, args...)) }

// digest is the id of a firing whose trigger gives it none. It is made as the
// Anchore API makes it, and messages keep that API's wording, spelling included,
// so that allowlists written for it go on matching.
func digest(gate, trigger, message string) string {
	sum := md5.Sum([]byte(gate + trigger + message))
	return hex.EncodeToString(sum[:])
}
