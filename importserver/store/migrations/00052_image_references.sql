-- What answers that name many images show of each, written with its record. It has a
-- table of its own: it is short, and so is the reading of all of it. All are written
-- anew when the server starts.

-- +goose Up
CREATE TABLE image_references (
	image INTEGER PRIMARY KEY REFERENCES images (id) ON DELETE CASCADE,
	body  TEXT NOT NULL -- JSON
);
DELETE FROM image_records;

-- +goose Down
DROP TABLE image_references;
