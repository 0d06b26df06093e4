-- Whose image has a package or a vulnerability is in the index that finds it: an
-- account's question takes as long as its own answer, whatever others have.

-- +goose Up
ALTER TABLE image_packages ADD COLUMN account TEXT NOT NULL DEFAULT '';
UPDATE image_packages SET account = (SELECT i.account FROM images i WHERE i.id = image_packages.image);
DROP INDEX image_packages_by_package;
CREATE INDEX image_packages_by_package ON image_packages (package, account, image);

ALTER TABLE matches ADD COLUMN account TEXT NOT NULL DEFAULT '';
UPDATE matches SET account = (SELECT i.account FROM images i WHERE i.id = matches.image);
DROP INDEX matches_by_vulnerability;
CREATE INDEX matches_by_vulnerability ON matches (vulnerability, account, image, package);

-- All names of a vulnerability: its record's, and those of related records.
CREATE TABLE vulnerability_names (
	name          TEXT NOT NULL,
	vulnerability INTEGER NOT NULL REFERENCES vulnerabilities (id) ON DELETE CASCADE,
	PRIMARY KEY (name, vulnerability)
);
CREATE INDEX vulnerability_names_by_vulnerability ON vulnerability_names (vulnerability);
INSERT INTO vulnerability_names (name, vulnerability) SELECT name, id FROM vulnerabilities;

-- For pages of the newest tags.
CREATE INDEX tags_by_time ON tags (account, created_at, image);

-- +goose Down
DROP INDEX tags_by_time;
DROP TABLE vulnerability_names;
DROP INDEX matches_by_vulnerability;
CREATE INDEX matches_by_vulnerability ON matches (vulnerability);
ALTER TABLE matches DROP COLUMN account;
DROP INDEX image_packages_by_package;
CREATE INDEX image_packages_by_package ON image_packages (package);
ALTER TABLE image_packages DROP COLUMN account;
