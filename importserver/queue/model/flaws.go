package model

// Flaw is one thing that a machine does wrong, so that it can be seen that the
// check finds it.
type Flaw string

// Flaws. Sound is none.
const (
	Sound              Flaw = ""
	ClaimsTaken        Flaw = "work that has a lease is claimed"
	OneToken           Flaw = "all leases have the same token"
	SubmitKeepsLease   Flaw = "work that is asked for anew stays leased"
	DeleteKeepsWork    Flaw = "the work of a deleted image stays"
	CancelKeepsWork    Flaw = "work that is cancelled stays"
	RefreshAnalyzes    Flaw = "an analysed image that is assessed anew becomes analyzing"
	BeatUnfenced       Flaw = "a heartbeat does not look at the lease"
	AdvanceUnfenced    Flaw = "evidence is stored without a look at the lease"
	FinishUnfenced     Flaw = "a result is written without a look at the lease"
	FailUnfenced       Flaw = "a failure is written without a look at the lease"
	ReleaseUnfenced    Flaw = "work is given back without a look at the lease"
	TakeUnfenced       Flaw = "a lease is taken back although it is another by now"
	TakeUnheard        Flaw = "a lease is taken back although it was prolonged meanwhile"
	NobodyTakes        Flaw = "nobody takes leases back"
	AttemptsUncounted  Flaw = "attempts that fail are not counted"
	AttemptsUnbounded  Flaw = "attempts have no bound"
	AgainForgotten     Flaw = "what was asked for again is forgotten when the work is done"
	AgainGivenUp       Flaw = "what was asked for again is forgotten when the work is given up"
	GiveUpKeepsStatus  Flaw = "an image that is given up keeps its status"
	ReleaseKeepsStatus Flaw = "an image whose work is given back keeps its status"
)

// Flaws are all but Sound.
var Flaws = []Flaw{ClaimsTaken, OneToken, SubmitKeepsLease, DeleteKeepsWork, CancelKeepsWork, RefreshAnalyzes,
	BeatUnfenced, AdvanceUnfenced, FinishUnfenced, FailUnfenced, ReleaseUnfenced, TakeUnfenced, TakeUnheard, NobodyTakes,
	AttemptsUncounted, AttemptsUnbounded, AgainForgotten, AgainGivenUp, GiveUpKeepsStatus, ReleaseKeepsStatus}
