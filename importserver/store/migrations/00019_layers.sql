-- +goose Up
CREATE TABLE image_layers (
	image   INTEGER NOT NULL REFERENCES images (id) ON DELETE CASCADE,
	account TEXT NOT NULL,
	place   INTEGER NOT NULL, -- 0 is the lowest
	diff_id TEXT NOT NULL,
	chain   TEXT NOT NULL, -- digest over this layer and all below it
	top     INTEGER NOT NULL, -- 1: nothing is above it
	PRIMARY KEY (image, place)
);
CREATE INDEX image_layers_by_chain ON image_layers (account, chain, top, image);

-- +goose Down
DROP TABLE image_layers;
