-- The password of the user admin is kept as everybody's is, and its keyed digest no more:
-- the next server that is given the password, or has it in its file, sets it.

-- +goose Up
DELETE FROM settings WHERE name = 'admin-password';

-- +goose Down
DELETE FROM settings WHERE name = 'given-admin-password';
UPDATE users SET password = '' WHERE name = 'admin';
