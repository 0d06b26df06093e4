-- Subscriptions that somebody asked for, and did not just come with a tag, are counted.

-- +goose Up
ALTER TABLE subscriptions ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;
UPDATE subscriptions SET asked = 1 WHERE value IS NOT NULL;
CREATE INDEX subscriptions_asked ON subscriptions (account) WHERE asked = 1;

-- +goose Down
DROP INDEX subscriptions_asked;
ALTER TABLE subscriptions DROP COLUMN asked;
