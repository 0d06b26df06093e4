-- The processes that share this store: servers and workers. Each writes its own row
-- again and again; one that does so no longer is dead.

-- +goose Up
CREATE TABLE processes (
	name       TEXT PRIMARY KEY, -- as leases have it
	kind       TEXT NOT NULL, -- server, worker
	host       TEXT NOT NULL,
	pid        BIGINT NOT NULL,
	version    TEXT NOT NULL,
	capacity   INTEGER NOT NULL, -- images worked on at once
	vulndb     TEXT NOT NULL, -- digest of the vulnerability database it matches with; '' where it has none
	message    TEXT NOT NULL, -- why it takes no work; '' where it does
	started_at BIGINT NOT NULL,
	beat_at    BIGINT NOT NULL,
	down_at    BIGINT NOT NULL -- when it was found to be silent; 0 while it is not
);
CREATE INDEX processes_by_beat ON processes (beat_at);

-- +goose Down
DROP TABLE processes;
