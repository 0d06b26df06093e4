-- The names of packages and vulnerabilities are found by account: what others have
-- neither slows a question down nor shows in its time. A row stays when the account's
-- last image goes that has it, until nobody has it.

-- +goose Up
CREATE TABLE account_packages (
	package INTEGER NOT NULL REFERENCES packages (id) ON DELETE CASCADE,
	account TEXT NOT NULL,
	name    TEXT NOT NULL,
	PRIMARY KEY (package, account)
);
CREATE INDEX account_packages_by_name ON account_packages (account, name, package);
INSERT INTO account_packages (package, account, name)
	SELECT l.package, l.account, p.name FROM (SELECT DISTINCT package, account FROM image_packages) l JOIN packages p ON p.id = l.package;

CREATE TABLE account_vulnerabilities (
	vulnerability INTEGER NOT NULL REFERENCES vulnerabilities (id) ON DELETE CASCADE,
	account       TEXT NOT NULL,
	name          TEXT NOT NULL, -- its record's, or that of a related record
	PRIMARY KEY (vulnerability, account, name)
);
CREATE INDEX account_vulnerabilities_by_name ON account_vulnerabilities (account, name, vulnerability);
INSERT INTO account_vulnerabilities (vulnerability, account, name)
	SELECT m.vulnerability, m.account, n.name FROM (SELECT DISTINCT vulnerability, account FROM matches) m
	JOIN vulnerability_names n ON n.vulnerability = m.vulnerability;
DROP TABLE vulnerability_names;

-- +goose Down
CREATE TABLE vulnerability_names (
	name          TEXT NOT NULL,
	vulnerability INTEGER NOT NULL REFERENCES vulnerabilities (id) ON DELETE CASCADE,
	PRIMARY KEY (name, vulnerability)
);
CREATE INDEX vulnerability_names_by_vulnerability ON vulnerability_names (vulnerability);
INSERT INTO vulnerability_names (name, vulnerability) SELECT DISTINCT name, vulnerability FROM account_vulnerabilities;
INSERT INTO vulnerability_names (name, vulnerability) SELECT name, id FROM vulnerabilities WHERE true ON CONFLICT DO NOTHING;
DROP TABLE account_vulnerabilities;
DROP TABLE account_packages;
