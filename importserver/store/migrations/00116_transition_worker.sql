-- Each step of an image's analysis names the worker that had the image.

-- +goose Up
ALTER TABLE transitions ADD COLUMN worker TEXT NOT NULL DEFAULT ''; -- '' where nobody had it

-- +goose Down
ALTER TABLE transitions DROP COLUMN worker;
