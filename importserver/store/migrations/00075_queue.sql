-- Fair shares: within a priority, items are claimed by their turn. An account's own
-- items have turns one after another, and its first joins where the line begins, so
-- that long lines take turns with short ones. Work that waits for its next attempt is
-- not in the line.

-- +goose Up
ALTER TABLE work ADD COLUMN turn BIGINT NOT NULL DEFAULT 0;
ALTER TABLE work ADD COLUMN delayed INTEGER NOT NULL DEFAULT 0; -- 1: not before its time
ALTER TABLE work ADD COLUMN claimed_at BIGINT NOT NULL DEFAULT 0; -- of the lease; 0 while it is free
UPDATE work SET delayed = 1 WHERE token = '';
DROP INDEX work_free;
CREATE INDEX work_line ON work (token, delayed, priority, turn, image);
CREATE INDEX work_of_account ON work (account, token, delayed, priority, turn);
CREATE INDEX work_delayed ON work (delayed, not_before);

-- Attempts at an image's work that have ended, except for matching anew that went well.
CREATE TABLE attempts (
	id         BIGINT PRIMARY KEY,
	image      INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
	number     INTEGER NOT NULL, -- of its stage
	stage      TEXT NOT NULL,    -- in which it ended
	worker     TEXT NOT NULL,
	begun_at   BIGINT NOT NULL,
	ended_at   BIGINT NOT NULL,
	outcome    TEXT NOT NULL,    -- done, failed, lost, given_back, cancelled, superseded
	reason     TEXT NOT NULL
);
CREATE INDEX attempts_by_image ON attempts (image, id);

-- +goose Down
DROP TABLE attempts;
DROP INDEX work_delayed;
DROP INDEX work_of_account;
DROP INDEX work_line;
ALTER TABLE work DROP COLUMN claimed_at;
ALTER TABLE work DROP COLUMN delayed;
ALTER TABLE work DROP COLUMN turn;
CREATE INDEX work_free ON work (token, priority, not_before);
