-- What policies said when verdicts were made by them: a verdict outlives its policy.

-- +goose Up
CREATE TABLE policy_texts (
	digest TEXT PRIMARY KEY, -- of body
	body   TEXT NOT NULL     -- JSON
);
INSERT INTO policy_texts (digest, body) SELECT digest, min(body) FROM policies GROUP BY digest;

-- +goose Down
DROP TABLE policy_texts;
