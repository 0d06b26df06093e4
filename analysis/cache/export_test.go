package cache

import "time"

// WaitForOthers sets how long another process is waited for that changes what a folder
// holds, from the next Open on.
func WaitForOthers(d time.Duration) { patience = d }
