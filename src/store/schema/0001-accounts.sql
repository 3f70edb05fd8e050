-- Small values by name: keys and secrets of this server.
CREATE TABLE meta (
    name TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

-- The number keys every other table and is never reused: rows stay when an account is deleted, and so its name stays reserved.
-- Keys: salt, stored key, server key; iterations 0: none of that hash.
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    jid TEXT NOT NULL UNIQUE,
    generation INTEGER NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0,
    sha1_iterations INTEGER NOT NULL,
    sha1_keys BLOB,
    sha256_iterations INTEGER NOT NULL,
    sha256_keys BLOB,
    roster_version INTEGER NOT NULL DEFAULT 0,
    offline_mark INTEGER NOT NULL DEFAULT 0,
    created_us INTEGER NOT NULL,
    changed_us INTEGER NOT NULL
);

CREATE TABLE roster (
    account INTEGER NOT NULL,
    jid TEXT NOT NULL,
    name TEXT,
    group_names TEXT,
    flags INTEGER NOT NULL,
    PRIMARY KEY (account, jid)
) WITHOUT ROWID;

CREATE TABLE requests (
    account INTEGER NOT NULL,
    jid TEXT NOT NULL,
    stanza BLOB NOT NULL,
    created_us INTEGER NOT NULL,
    PRIMARY KEY (account, jid)
) WITHOUT ROWID;

CREATE TABLE blocked (
    account INTEGER NOT NULL,
    jid TEXT NOT NULL,
    PRIMARY KEY (account, jid)
) WITHOUT ROWID;

-- What one home owes another, until it has had its effect.
CREATE TABLE owed (
    id INTEGER PRIMARY KEY,
    from_jid TEXT NOT NULL,
    to_jid TEXT NOT NULL,
    stanza BLOB NOT NULL
);
