package importserver

// Abandon leaves a server as a crash does: what runs goes on without effect, and
// only what the system itself takes back from a dead process is given back.
func (s *Server) Abandon() {
	s.store.Close()
	s.lock.Close()
}
