-- What answers that name many images show of each, and of each of its tags, written
-- with its record. The reference has a table of its own: it is short, and so is the
-- reading of all of it. All are written anew when the server starts.

-- +goose Up
CREATE TABLE image_references (
	image INTEGER PRIMARY KEY REFERENCES images (id) ON DELETE CASCADE,
	body  TEXT NOT NULL -- JSON
);
ALTER TABLE tags ADD COLUMN summary TEXT NOT NULL DEFAULT ''; -- JSON
DELETE FROM image_records;

-- +goose Down
ALTER TABLE tags DROP COLUMN summary;
DROP TABLE image_references;
