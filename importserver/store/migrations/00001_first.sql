-- Times are microseconds since 1970, UTC. Accounts own images, tags, operations,
-- policies and work; packages and vulnerabilities are facts of the world, and
-- only links to them tell who has them.

-- +goose Up
CREATE TABLE ids (
	name  TEXT PRIMARY KEY,
	taken BIGINT NOT NULL
);
INSERT INTO ids (name, taken) VALUES ('images', 0), ('packages', 0), ('vulnerabilities', 0), ('log', 0);

CREATE TABLE settings (
	name  TEXT PRIMARY KEY,
	value TEXT NOT NULL
);

CREATE TABLE images (
	id              INTEGER PRIMARY KEY,
	account         TEXT NOT NULL,
	digest          TEXT NOT NULL,
	parent_digest   TEXT NOT NULL,
	image_id        TEXT NOT NULL,
	annotations     TEXT NOT NULL, -- JSON
	request         TEXT NOT NULL, -- JSON: how to pull it, where the server does
	status          TEXT NOT NULL,
	reason          TEXT NOT NULL,
	attempts        INTEGER NOT NULL,
	origin          TEXT NOT NULL, -- of the evidence: client, server, or '' before there is any
	evidence        TEXT NOT NULL, -- digest over the parts' digests
	facts           TEXT NOT NULL, -- JSON: what is shown of an analysed image
	created_at      BIGINT NOT NULL,
	updated_at      BIGINT NOT NULL,
	analyzed_at     BIGINT NOT NULL,
	UNIQUE (account, digest)
);
CREATE INDEX images_by_status ON images (status);
CREATE INDEX images_by_image_id ON images (account, image_id);

CREATE TABLE tags (
	image       INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
	account     TEXT NOT NULL,
	registry    TEXT NOT NULL,
	repository  TEXT NOT NULL,
	tag         TEXT NOT NULL,
	created_at  BIGINT NOT NULL, -- orders the images of a tag
	detected_at BIGINT NOT NULL,
	PRIMARY KEY (image, registry, repository, tag)
);
CREATE INDEX tags_by_name ON tags (account, registry, repository, tag, created_at);

CREATE TABLE transitions (
	id          BIGINT NOT NULL PRIMARY KEY,
	image       INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
	at          BIGINT NOT NULL,
	from_status TEXT NOT NULL,
	to_status   TEXT NOT NULL,
	host        TEXT NOT NULL,
	service     TEXT NOT NULL,
	version     TEXT NOT NULL,
	attempt     INTEGER NOT NULL,
	reason      TEXT NOT NULL
);
CREATE INDEX transitions_by_image ON transitions (image, id);

-- What the blob store holds, or is about to. A row is touched before its blob is
-- written and whenever the same bytes arrive again.
CREATE TABLE blobs (
	digest     TEXT PRIMARY KEY,
	size       BIGINT NOT NULL, -- unpacked
	touched_at BIGINT NOT NULL
);
CREATE INDEX blobs_by_touch ON blobs (touched_at);

CREATE TABLE image_parts (
	image      INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
	kind       TEXT NOT NULL,
	digest     TEXT NOT NULL REFERENCES blobs (digest),
	size       BIGINT NOT NULL,
	media_type TEXT NOT NULL,
	PRIMARY KEY (image, kind)
);
CREATE INDEX image_parts_by_digest ON image_parts (digest);

CREATE TABLE operations (
	id         TEXT PRIMARY KEY,
	account    TEXT NOT NULL,
	status     TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL
);
CREATE INDEX operations_by_account ON operations (account, created_at);
CREATE INDEX operations_by_expiry ON operations (expires_at);

CREATE TABLE operation_parts (
	operation  TEXT NOT NULL REFERENCES operations (id) ON DELETE CASCADE,
	kind       TEXT NOT NULL,
	digest     TEXT NOT NULL REFERENCES blobs (digest),
	size       BIGINT NOT NULL,
	media_type TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (operation, kind, digest)
);
CREATE INDEX operation_parts_by_digest ON operation_parts (digest);

-- At most one item an image. It is free while token is ''.
CREATE TABLE work (
	image      INTEGER PRIMARY KEY REFERENCES images (id) ON DELETE CASCADE,
	account    TEXT NOT NULL,
	stage      TEXT NOT NULL, -- analyze, assess
	priority   INTEGER NOT NULL, -- small ones first
	attempts   INTEGER NOT NULL, -- of this stage
	again      INTEGER NOT NULL, -- 1: asked for once more while it was under way
	not_before BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	token      TEXT NOT NULL,
	worker     TEXT NOT NULL,
	expires_at BIGINT NOT NULL,
	progress   TEXT NOT NULL
);
CREATE INDEX work_free ON work (token, priority, not_before);
CREATE INDEX work_leased ON work (expires_at);

CREATE TABLE packages (
	id       INTEGER PRIMARY KEY,
	hash     TEXT NOT NULL UNIQUE, -- of all that follows
	type     TEXT NOT NULL,
	name     TEXT NOT NULL,
	version  TEXT NOT NULL,
	purl     TEXT NOT NULL
);
CREATE INDEX packages_by_name ON packages (name, version);

CREATE TABLE image_packages (
	image   INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
	package INTEGER NOT NULL REFERENCES packages (id),
	PRIMARY KEY (image, package)
);
CREATE INDEX image_packages_by_package ON image_packages (package);

CREATE TABLE vulnerabilities (
	id        INTEGER PRIMARY KEY,
	hash      TEXT NOT NULL UNIQUE, -- of body
	name      TEXT NOT NULL,
	namespace TEXT NOT NULL,
	severity  TEXT NOT NULL,
	fix_state TEXT NOT NULL,
	body      TEXT NOT NULL -- JSON
);
CREATE INDEX vulnerabilities_by_name ON vulnerabilities (name);

CREATE TABLE reports (
	image      INTEGER PRIMARY KEY REFERENCES images (id) ON DELETE CASCADE,
	evidence   TEXT NOT NULL,
	db_digest  TEXT NOT NULL, -- '' where there was no database
	head       TEXT NOT NULL, -- JSON
	created_at BIGINT NOT NULL
);

CREATE TABLE matches (
	image         INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
	place         INTEGER NOT NULL, -- the order in which they were found
	vulnerability INTEGER NOT NULL REFERENCES vulnerabilities (id),
	package       INTEGER REFERENCES packages (id),
	detail        TEXT NOT NULL, -- JSON: what is this image's alone
	PRIMARY KEY (image, place)
);
CREATE INDEX matches_by_vulnerability ON matches (vulnerability);
CREATE INDEX matches_by_package ON matches (package);

CREATE TABLE policies (
	account    TEXT NOT NULL,
	id         TEXT NOT NULL,
	name       TEXT NOT NULL,
	digest     TEXT NOT NULL, -- of body
	active     INTEGER NOT NULL,
	body       TEXT NOT NULL, -- JSON
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	PRIMARY KEY (account, id)
);

CREATE TABLE evaluations (
	image         INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
	tag           TEXT NOT NULL,
	policy        TEXT NOT NULL,
	policy_digest TEXT NOT NULL,
	db_digest     TEXT NOT NULL,
	evidence      TEXT NOT NULL,
	at            BIGINT NOT NULL,
	body          TEXT NOT NULL, -- JSON
	PRIMARY KEY (image, tag, policy, policy_digest, db_digest, evidence)
);

-- +goose Down
DROP TABLE evaluations;
DROP TABLE policies;
DROP TABLE matches;
DROP TABLE reports;
DROP TABLE vulnerabilities;
DROP TABLE image_packages;
DROP TABLE packages;
DROP TABLE work;
DROP TABLE operation_parts;
DROP TABLE operations;
DROP TABLE image_parts;
DROP TABLE blobs;
DROP TABLE transitions;
DROP TABLE tags;
DROP TABLE images;
DROP TABLE settings;
DROP TABLE ids;
