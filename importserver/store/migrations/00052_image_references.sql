-- What answers to questions about packages show of an image, written with its record.
-- Records are written anew when the server starts.

-- +goose Up
ALTER TABLE image_records ADD COLUMN reference TEXT NOT NULL DEFAULT ''; -- JSON
DELETE FROM image_records;

-- +goose Down
ALTER TABLE image_records DROP COLUMN reference;
