-- Who works on an image goes on with the trace of who asked for it.

-- +goose Up
ALTER TABLE work ADD COLUMN trace TEXT NOT NULL DEFAULT ''; -- W3C traceparent

-- +goose Down
ALTER TABLE work DROP COLUMN trace;
