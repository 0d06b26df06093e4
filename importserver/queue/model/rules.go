package model

// run is one step while it is taken.
type run struct {
	Machine
	s     State
	moves []Move
	wrong string
}

func (r *run) fault(what string) {
	if r.wrong == "" {
		r.wrong = what
	}
}

// move changes an image's status.
func (r *run) move(n int8, to Status) {
	i := &r.s.Images[n]
	r.moves = append(r.moves, Move{i.Status, to})
	i.Status = to
}

// end is what becomes true when a lease on an image ends, whoever ended it.
func (r *run) end(n int8) {
	for w := range r.s.Workers {
		if l := &r.s.Workers[w]; l.There && l.Image == n {
			l.Holds = false
		}
	}
}

// drop removes an image's work.
func (r *run) drop(n int8) {
	i := &r.s.Images[n]
	if i.Asked && i.Status == Analyzed {
		r.fault("an assessment with the new database was asked for, and is forgotten")
	}
	i.Work, i.Asked = Item{}, false
	r.end(n)
}

// free leaves an image's work to be claimed, at once or later.
func (r *run) free(n int8, ready bool) {
	w := &r.s.Images[n].Work
	w.Token, w.Over, w.Again, w.Ready, w.Line = 0, false, false, ready, false
	r.end(n)
}

func (r *run) submit(n int8, stage Stage) {
	i := &r.s.Images[n]
	if i.Status != NotAnalyzed {
		r.move(n, NotAnalyzed)
	}
	token := i.Work.Token
	i.Work, i.Asked = Item{There: true, Stage: stage, Ready: true, Line: true}, false
	if r.Flaw == SubmitKeepsLease {
		i.Work.Token, i.Work.Line = token, token == 0
		return
	}
	r.end(n)
}

func (r *run) cancel(n int8) {
	i := &r.s.Images[n]
	if !i.Work.There {
		return
	}
	if i.Status != Analyzed {
		r.move(n, Failed)
	}
	i.Asked = false // who cancels wants it forgotten
	if r.Flaw != CancelKeepsWork {
		r.drop(n)
	}
}

func (r *run) retry(n int8) {
	switch i := &r.s.Images[n]; i.Status {
	case Failed:
		r.submit(n, Assess) // the machine knows no names to pull by
	case NotAnalyzed:
		i.Work.Ready, i.Work.Line = true, true
	}
}

func (r *run) remove(n int8) {
	work := r.s.Images[n].Work
	r.s.Images[n] = Image{}
	r.end(n)
	if r.Flaw == DeleteKeepsWork {
		r.s.Images[n].Work = work
	}
}

func (r *run) refresh() {
	for n := range r.s.Images {
		i := &r.s.Images[n]
		switch {
		case i.Work.Token != 0:
			i.Work.Again, i.Asked = true, true
		case i.Status == Analyzed:
			if !i.Work.There {
				i.Work = Item{There: true, Stage: Assess, Ready: true, Line: true}
			}
			i.Asked = true
		}
	}
}

func (r *run) claim(w, n int8) {
	i := &r.s.Images[n]
	r.end(n) // a flaw may have left one
	for n := range r.s.Images {
		if work := &r.s.Images[n].Work; work.Token == 0 && work.Ready {
			work.Line = true // who claims puts in line whose time has come
		}
	}
	token := fresh(n)
	if r.Flaw == OneToken {
		token = 1
	}
	i.Work.Token, i.Work.Over, i.Work.Ready, i.Work.Line = token, false, true, false
	i.Work.Attempts++
	if i.Status == NotAnalyzed || r.Flaw == RefreshAnalyzes {
		r.move(n, Analyzing)
	}
	i.Asked = false
	r.s.Workers[w] = Lease{There: true, Image: n, Token: token, Status: i.Status, Stage: i.Work.Stage,
		Attempts: i.Work.Attempts, Holds: true}
}

// holds tells whether a worker's write would go through, and sees to it that none
// does under a lease that ended.
func (r *run) holds(l *Lease, flaw Flaw) bool {
	work := r.s.Images[l.Image].Work
	ok := work.There && (work.Token == l.Token || r.Flaw == flaw)
	if ok && !l.Holds {
		r.fault("something was written under a lease that was lost")
	}
	return ok
}

func (r *run) beat(l *Lease) bool {
	if !r.holds(l, BeatUnfenced) {
		return false
	}
	work := &r.s.Images[l.Image].Work
	work.Over = false
	if r.s.Search.There && r.s.Search.Token == work.Token {
		r.s.Search.Over = r.s.Search.Ahead
	}
	return true
}

func (r *run) advance(l *Lease) bool {
	if !r.holds(l, AdvanceUnfenced) {
		return false
	}
	i := &r.s.Images[l.Image]
	i.Work.Stage, i.Work.Attempts, i.Work.Again, i.Asked = Assess, 1, false, false
	l.Stage, l.Attempts = Assess, 1
	return true
}

func (r *run) finish(l *Lease) bool {
	i := &r.s.Images[l.Image]
	if !r.holds(l, FinishUnfenced) || i.Status != l.Status {
		return false
	}
	n := l.Image
	if i.Status != Analyzed {
		r.move(n, Analyzed)
	}
	if i.Work.Again && r.Flaw != AgainForgotten {
		i.Work.Attempts -= l.Attempts
		r.free(n, true)
	} else {
		r.drop(n)
	}
	return true
}

func (r *run) fail(l *Lease, permanent bool) bool {
	if !r.holds(l, FailUnfenced) {
		return false
	}
	r.attemptEnded(l.Image, permanent, false)
	return true
}

// attemptEnded is how an attempt ends that came to nothing.
func (r *run) attemptEnded(n int8, permanent, ready bool) {
	i := &r.s.Images[n]
	if permanent || i.Work.Attempts >= r.MaxAttempts && r.Flaw != AttemptsUnbounded {
		r.giveUp(n)
		return
	}
	if r.Flaw == AttemptsUncounted {
		i.Work.Attempts--
	}
	r.free(n, ready)
	r.putBack(n)
}

func (r *run) giveUp(n int8) {
	switch i := &r.s.Images[n]; {
	case i.Status == Analyzed && i.Work.Again && r.Flaw != AgainGivenUp:
		i.Work.Attempts = 0
		r.free(n, true)
		return
	case i.Status == Analyzing && r.Flaw != GiveUpKeepsStatus:
		r.move(n, Failed)
	}
	r.drop(n)
}

// putBack has an image that was being analysed wait again.
func (r *run) putBack(n int8) {
	if r.s.Images[n].Status == Analyzing && r.Flaw != ReleaseKeepsStatus {
		r.move(n, NotAnalyzed)
	}
}

func (r *run) putOff(l *Lease) bool { return r.giveBack(l, false) }

func (r *run) release(l *Lease) bool { return r.giveBack(l, true) }

func (r *run) giveBack(l *Lease, ready bool) bool {
	if !r.holds(l, ReleaseUnfenced) {
		return false
	}
	r.s.Images[l.Image].Work.Attempts--
	r.free(l.Image, ready)
	r.putBack(l.Image)
	return true
}

func (r *run) look(n int8) {
	r.s.Search = Search{There: true, Image: n, Token: r.s.Images[n].Work.Token, Over: true}
}

func (r *run) take() {
	found := r.s.Search
	r.s.Search = Search{}
	work := r.s.Images[found.Image].Work
	same := work.There && work.Token == found.Token
	if r.Flaw == TakeUnfenced {
		same = work.There
	}
	if !same || !found.Over && r.Flaw != TakeUnheard || r.Flaw == NobodyTakes {
		return
	}
	if work.Token != found.Token || !found.Over {
		r.fault("a lease was taken back that was not over")
	}
	r.attemptEnded(found.Image, false, true)
}

func (r *run) takeAll() {
	for n, i := range r.s.Images {
		if i.Work.Token != 0 && r.Flaw != NobodyTakes {
			r.attemptEnded(int8(n), false, true)
		}
	}
}

func (r *run) forward() {
	for n := range r.s.Images {
		if w := &r.s.Images[n].Work; w.There {
			w.Ready, w.Over = true, w.Token != 0
		}
	}
	r.s.Search.Ahead = false
}

func (r *run) back() {
	for n := range r.s.Images {
		if w := &r.s.Images[n].Work; w.There {
			w.Ready, w.Over = w.Token != 0 || w.Line, false
		}
	}
	r.s.Search.Ahead = r.s.Search.There
}
