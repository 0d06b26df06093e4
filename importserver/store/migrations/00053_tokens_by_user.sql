-- Tokens go with their users: to find them must not mean to look at all.

-- +goose Up
CREATE INDEX tokens_by_user ON tokens (username);

-- +goose Down
DROP INDEX tokens_by_user;
