-- What needs to be done by one process at a time only. Whoever holds a chore may die:
-- it is another's once its time is over. All chores can stand to be done twice.

-- +goose Up
CREATE TABLE chores (
	name   TEXT PRIMARY KEY,
	holder TEXT NOT NULL, -- a process
	until  BIGINT NOT NULL
);

-- +goose Down
DROP TABLE chores;
