-- A blob's key has a generation besides its digest, so that a deletion that comes
-- late meets no blob that was written since. What was written before has none.

-- +goose Up
ALTER TABLE blobs ADD COLUMN generation TEXT NOT NULL DEFAULT '';

-- Blobs whose rows are gone and which are to be deleted from the blob store.
CREATE TABLE blob_deletions (
	digest     TEXT NOT NULL,
	generation TEXT NOT NULL,
	PRIMARY KEY (digest, generation)
);

-- While one of these is alive, no blob is given up: somebody copies them.
CREATE TABLE blob_holds (
	id         TEXT PRIMARY KEY,
	expires_at BIGINT NOT NULL
);

-- +goose Down
DROP TABLE blob_holds;
DROP TABLE blob_deletions;
ALTER TABLE blobs DROP COLUMN generation;
