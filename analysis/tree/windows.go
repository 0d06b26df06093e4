package tree

// Option is a choice of Squash.
type Option func(*choices)

type choices struct{ windows bool }

type deferred struct{}

func (l *layer) deferLink(n int32, ordinal int) {}
func (l *layer) adopt(lower []*layer)           {}
