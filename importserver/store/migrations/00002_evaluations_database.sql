-- +goose Up
-- What a verdict's database was, beyond its digest: JSON, or "" where nobody wrote it down.
ALTER TABLE evaluations ADD COLUMN db TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE evaluations DROP COLUMN db;
