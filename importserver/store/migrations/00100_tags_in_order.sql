-- The index has tags in the order in which lists show them, so that a part of a list
-- is read without sorting.

-- +goose Up
DROP INDEX tags_by_time;
CREATE INDEX tags_by_time ON tags (account, created_at DESC, image DESC, registry, repository, tag);

-- +goose Down
DROP INDEX tags_by_time;
CREATE INDEX tags_by_time ON tags (account, created_at, image);
