-- The columns that a table declares are added by the program, which fills them from the bodies.
CREATE TABLE "{table}" (
    key bytea PRIMARY KEY,
    version bigint NOT NULL,
    body bytea NOT NULL
);

-- `batch` tells the transaction: a writer that lost its connection while it committed looks for it.
CREATE TABLE "{table}_change" (
    position bigint PRIMARY KEY,
    kind smallint NOT NULL,
    key bytea NOT NULL,
    at bigint NOT NULL,
    body bytea NOT NULL,
    previous bytea,
    batch bigint NOT NULL
);

CREATE TABLE "{table}_request" (
    id bytea PRIMARY KEY,
    digest bytea NOT NULL,
    body bytea NOT NULL,
    at bigint NOT NULL
);

CREATE INDEX "{table}_request_at" ON "{table}_request" (at);

-- One row. Whoever writes changes it last before the commit, so that its lock puts commits into the order of their
-- positions: a smaller position is never seen after a larger one.
CREATE TABLE "{table}_head" (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    newest bigint NOT NULL,
    oldest bigint NOT NULL,
    at bigint NOT NULL
);

INSERT INTO "{table}_head" (newest, oldest, at) VALUES (0, 1, 0);
