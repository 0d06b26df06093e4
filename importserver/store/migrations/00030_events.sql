-- +goose Up
CREATE TABLE events (
	number        BIGINT NOT NULL PRIMARY KEY, -- orders them
	id            TEXT NOT NULL UNIQUE,        -- random: tells nothing of others
	account       TEXT NOT NULL,
	at            BIGINT NOT NULL,
	type          TEXT NOT NULL,
	level         TEXT NOT NULL,
	resource_type TEXT NOT NULL,
	resource_id   TEXT NOT NULL,
	service       TEXT NOT NULL,
	host          TEXT NOT NULL,
	request       TEXT NOT NULL,
	message       TEXT NOT NULL,
	details       TEXT NOT NULL -- JSON
);
CREATE INDEX events_list ON events (account, number);
CREATE INDEX events_by_resource ON events (account, resource_id, number);
CREATE INDEX events_by_time ON events (at);
INSERT INTO ids (name, taken) VALUES ('events', 0);

-- What an account wants to be told of: of a tag, or of a repository.
CREATE TABLE subscriptions (
	account    TEXT NOT NULL,
	id         TEXT NOT NULL,
	key        TEXT NOT NULL,
	type       TEXT NOT NULL,
	value      TEXT, -- the client's own
	active     INTEGER NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	PRIMARY KEY (account, id)
);
CREATE UNIQUE INDEX subscriptions_by_key ON subscriptions (account, key, type);

CREATE TABLE registries (
	account    TEXT NOT NULL,
	registry   TEXT NOT NULL, -- a host, host/repository, or the beginning of one and *
	name       TEXT NOT NULL,
	type       TEXT NOT NULL,
	username   TEXT NOT NULL,
	secret     TEXT NOT NULL, -- sealed
	verify     INTEGER NOT NULL,
	failed_at  BIGINT NOT NULL, -- when the registry last refused the login; 0 since it was changed
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	PRIMARY KEY (account, registry)
);

-- What was last found of a tag, to tell what is new.
CREATE TABLE tag_checks (
	account         TEXT NOT NULL,
	tag             TEXT NOT NULL, -- in full
	image           TEXT NOT NULL, -- digest
	policy          TEXT NOT NULL,
	action          TEXT NOT NULL,
	vulnerabilities TEXT NOT NULL, -- digest over them
	found           INTEGER NOT NULL,
	PRIMARY KEY (account, tag)
);

-- +goose Down
DROP TABLE tag_checks;
DROP TABLE registries;
DROP TABLE subscriptions;
DELETE FROM ids WHERE name = 'events';
DROP TABLE events;
