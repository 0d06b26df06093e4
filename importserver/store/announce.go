package store

// Announce tells the processes that use the store that there may be new work. It is
// to be called once the transaction that made it is done, and does not wait. It may
// get lost on its way to other processes: they look from time to time, too.
func (s *Store) Announce() {
	s.hear()
	if s.dialect.bell != nil {
		s.dialect.bell.ring()
	}
}

// Announced receives when there may be new work, whichever process made it. One
// receiver hears of it.
func (s *Store) Announced() <-chan struct{} {
	if s.dialect.bell != nil {
		s.dialect.bell.listen(s.hear)
	}
	return s.announced
}

func (s *Store) hear() {
	select {
	case s.announced <- struct{}{}:
	default:
	}
}

// bell is how processes on one database hear of each other.
type bell interface {
	ring()
	// listen has heard called whenever another process rang, or may have.
	listen(heard func())
	close()
}
