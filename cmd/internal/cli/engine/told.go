package engine

import (
	"encoding/json"
	"errors"

	"github.com/tidepole/tidepole/formats/fault"
)

// said is a line that an analysis in a process of its own says to who asked for it.
type said struct {
	Stage string     `json:"stage,omitempty"` // what it does now
	Warn  *complaint `json:"warn,omitempty"`  // what it does without
	Error *complaint `json:"error,omitempty"` // why it ended without evidence
	Done  bool       `json:"done,omitempty"`  // the evidence is where it was to be written
}

// complaint is an error as one process tells it to another.
type complaint struct {
	Kind    string         `json:"kind"` // "" of an error that is no fault
	Message string         `json:"message"`
	Hint    string         `json:"hint,omitempty"`
	Detail  map[string]any `json:"detail,omitempty"`
}

func complain(err error) *complaint {
	c := &complaint{Message: err.Error(), Hint: fault.Hint(err)}
	var f *fault.Fault
	if errors.As(err, &f) {
		c.Kind, c.Detail = f.Kind.String(), f.Detail
	}
	if _, err := json.Marshal(c.Detail); err != nil {
		c.Detail = nil
	}
	return c
}

// err is the error that was told.
func (c *complaint) err() error {
	if c.Kind == "" {
		return errors.New(c.Message)
	}
	f := fault.New(fault.ParseKind(c.Kind), "%s", c.Message)
	f.Hint = c.Hint
	for k, v := range c.Detail {
		f.WithDetail(k, words(v))
	}
	return f
}

// words makes a list of texts again of what JSON reads as a list of anything.
func words(v any) any {
	list, ok := v.([]any)
	if !ok {
		return v
	}
	texts := make([]string, len(list))
	for n, x := range list {
		if texts[n], ok = x.(string); !ok {
			return v
		}
	}
	return texts
}
