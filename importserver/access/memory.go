package access

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"
)

const (
	remembered    = 24 * time.Hour // since it was last given
	maxRemembered = 10_000
)

// Memory remembers for a while which passwords were right, so that not every
// request pays for a slow hash. It keeps neither passwords nor what could be
// compared with them outside this process.
type Memory struct {
	lock sync.Mutex
	key  []byte
	seen map[[32]byte]recollection
}

type recollection struct {
	epoch int64
	until time.Time
}

// Knows tells whether a user's password was right lately, at this epoch of his.
func (m *Memory) Knows(user, password string, epoch int64) bool {
	m.lock.Lock()
	defer m.lock.Unlock()
	sum, now := m.sum(user, password), time.Now()
	r, ok := m.seen[sum]
	if !ok || r.epoch != epoch || !now.Before(r.until) {
		return false
	}
	m.seen[sum] = recollection{epoch, now.Add(remembered)}
	return true
}

// Keep notes that a password was right.
func (m *Memory) Keep(user, password string, epoch int64) {
	m.lock.Lock()
	defer m.lock.Unlock()
	if m.seen == nil || len(m.seen) >= maxRemembered {
		m.seen = map[[32]byte]recollection{}
	}
	m.seen[m.sum(user, password)] = recollection{epoch, time.Now().Add(remembered)}
}

func (m *Memory) sum(user, password string) (out [32]byte) {
	if m.key == nil {
		m.key = make([]byte, 32)
		rand.Read(m.key)
	}
	h := hmac.New(sha256.New, m.key)
	h.Write([]byte(user + "\x00" + password))
	h.Sum(out[:0])
	return out
}
