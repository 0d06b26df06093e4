package importserver

import (
	"context"
	"net/http"

	"github.com/tidepole/tidepole/formats/wire"
)

// Workers are the processes that work on the store's images, and what each does.
func (a *Account) Workers(ctx context.Context) ([]wire.Worker, error) {
	view := a.server.store.View()
	rows, err := view.Processes(ctx)
	if err != nil {
		return nil, err
	}
	tasks, err := view.Tasks(ctx)
	if err != nil {
		return nil, err
	}
	work := map[string][]wire.WorkerTask{}
	for _, t := range tasks {
		work[t.Worker] = append(work[t.Worker], wire.WorkerTask{
			Account: t.Account, ImageDigest: t.Digest, Stage: t.Stage, Attempt: t.Attempts, Doing: t.Progress,
		})
	}
	list := []wire.Worker{}
	for _, p := range rows {
		w := wire.Worker{
			Name: p.Name, Kind: p.Kind, Host: p.Host, PID: p.PID, Version: p.Version, Up: a.server.lives(p), Message: p.Message,
			Started: p.StartedAt, LastBeat: p.BeatAt, Capacity: p.Capacity, Database: p.Database, Work: work[p.Name],
		}
		if w.Work == nil {
			w.Work = []wire.WorkerTask{}
		}
		list = append(list, w)
	}
	return list, nil
}

func listWorkers(a *Account, w http.ResponseWriter, r *http.Request) error {
	list, err := a.Workers(r.Context())
	return give(w, list, err)
}
