-- The columns that a table declares are added by the program, which fills them from the bodies.
CREATE TABLE "{table}" (
    key TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE "{table}_change" (
    position INTEGER NOT NULL PRIMARY KEY,
    kind INTEGER NOT NULL,
    key TEXT NOT NULL,
    at INTEGER NOT NULL,
    body BLOB NOT NULL,
    previous BLOB
) STRICT;

CREATE TABLE "{table}_request" (
    id TEXT NOT NULL PRIMARY KEY,
    digest BLOB NOT NULL,
    body BLOB NOT NULL,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX "{table}_request_at" ON "{table}_request" (at);
