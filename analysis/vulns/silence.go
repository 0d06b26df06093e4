package vulns

import "sync"

// maxSilent bounds the packages that a generation knows to be without matches: 40
// bytes each, and twice as many at the most.
const maxSilent = 500_000

// silence are the packages that no matcher has anything to say of, those asked for
// last. They are most of all packages, and grype spends most of its time on them.
// They hold for one database, and so belong to a generation. For many goroutines.
type silence struct {
	mu          sync.Mutex
	now, before map[packageKey]struct{} // what is not asked for while now fills up is forgotten
	max         int
}

func newSilence(most int) *silence { return &silence{now: map[packageKey]struct{}{}, max: most} }

func (s *silence) has(k packageKey) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.now[k]; ok {
		return true
	}
	_, ok := s.before[k]
	if ok {
		s.keep(k)
	}
	return ok
}

func (s *silence) add(k packageKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(k)
}

// keep is for who has the lock.
func (s *silence) keep(k packageKey) {
	if len(s.now) >= s.max {
		s.before, s.now = s.now, map[packageKey]struct{}{}
	}
	s.now[k] = struct{}{}
}
