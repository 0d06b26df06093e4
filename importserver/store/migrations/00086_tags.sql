-- What lists show of a tag is in two pieces: what is its image's, which changes, is
-- with the image, and what is its own is with the tag. Both are written anew when the
-- server starts. The index finds the newest image of a tag without sorting.

-- +goose Up
ALTER TABLE image_references ADD COLUMN summary TEXT NOT NULL DEFAULT ''; -- JSON
DROP INDEX tags_by_name;
CREATE INDEX tags_by_name ON tags (account, registry, repository, tag, created_at, image);

-- +goose Down
DROP INDEX tags_by_name;
CREATE INDEX tags_by_name ON tags (account, registry, repository, tag, created_at);
ALTER TABLE image_references DROP COLUMN summary;
