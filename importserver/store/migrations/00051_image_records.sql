-- What a list shows of an image, written whenever that changes: lists are read far
-- more often, and of many images at once.

-- +goose Up
CREATE TABLE image_records (
	image       INTEGER PRIMARY KEY REFERENCES images (id) ON DELETE CASCADE,
	account     TEXT NOT NULL,
	created_at  BIGINT NOT NULL,
	status      TEXT NOT NULL,
	analyzed_at BIGINT NOT NULL,
	body        TEXT NOT NULL -- JSON
);
CREATE INDEX image_records_list ON image_records (account, created_at, image);

-- +goose Down
DROP TABLE image_records;
