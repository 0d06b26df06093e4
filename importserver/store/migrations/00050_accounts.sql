-- Who may use the server. Names of users are unique over all accounts, for logins
-- name no account.

-- +goose Up
CREATE TABLE accounts (
	name       TEXT PRIMARY KEY,
	email      TEXT NOT NULL,
	type       TEXT NOT NULL, -- admin, user
	state      TEXT NOT NULL, -- enabled, disabled, deleting
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL
);
CREATE TABLE users (
	name        TEXT PRIMARY KEY,
	account     TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
	password    TEXT NOT NULL, -- Argon2id in PHC form; '' where there is none
	password_at BIGINT NOT NULL,
	epoch       BIGINT NOT NULL, -- raised whenever what was handed out before is void
	created_at  BIGINT NOT NULL,
	updated_at  BIGINT NOT NULL
);
CREATE INDEX users_by_account ON users (account, name);
CREATE TABLE members (
	username   TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
	account    TEXT NOT NULL REFERENCES accounts (name) ON DELETE CASCADE,
	role       TEXT NOT NULL, -- read, write, admin
	granter    TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (username, account)
);
CREATE INDEX members_by_account ON members (account, username);
CREATE TABLE api_keys (
	id          TEXT PRIMARY KEY,
	username    TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
	name        TEXT NOT NULL,
	description TEXT NOT NULL,
	digest      TEXT NOT NULL, -- SHA-256
	revoked     INTEGER NOT NULL,
	expires_at  BIGINT NOT NULL,
	created_at  BIGINT NOT NULL,
	updated_at  BIGINT NOT NULL,
	UNIQUE (username, name)
);
CREATE TABLE tokens (
	digest     TEXT PRIMARY KEY, -- SHA-256
	username   TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
	kind       TEXT NOT NULL, -- access, refresh
	epoch      BIGINT NOT NULL,
	expires_at BIGINT NOT NULL
);
CREATE INDEX tokens_by_expiry ON tokens (expires_at);

-- +goose Down
DROP TABLE tokens;
DROP TABLE api_keys;
DROP TABLE members;
DROP TABLE users;
DROP TABLE accounts;
