-- A slot is the leave to upload one file, and then the file's name. Its secret is kept as a hash. state: 0 open, 1 complete, 2 gone (counts for the
-- hour's limit, then goes). expires_us: of an open one, when it is given up; of a complete one, when the file goes, 0: never.
-- gone_us: what its uploader said about that, 0: nothing.
CREATE TABLE slots (
    id INTEGER PRIMARY KEY,
    get_id TEXT NOT NULL UNIQUE,
    secret BLOB NOT NULL UNIQUE,
    account INTEGER NOT NULL,
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    size INTEGER NOT NULL,
    purpose INTEGER NOT NULL,
    state INTEGER NOT NULL,
    created_us INTEGER NOT NULL,
    expires_us INTEGER NOT NULL,
    gone_us INTEGER NOT NULL,
    blob BLOB
);
-- Covers the questions of quota and rate.
CREATE INDEX slots_account ON slots (account, created_us, state, size, expires_us);
CREATE INDEX slots_expires ON slots (expires_us) WHERE expires_us > 0;

-- The content of complete slots, by SHA-256; `file` is its name in the folder of files, `slots` how many own it.
CREATE TABLE blobs (
    hash BLOB NOT NULL PRIMARY KEY,
    file TEXT NOT NULL,
    size INTEGER NOT NULL,
    slots INTEGER NOT NULL
) WITHOUT ROWID;

-- Files that nobody owns any more and that are still to be deleted.
CREATE TABLE dead_files (
    file TEXT NOT NULL PRIMARY KEY
) WITHOUT ROWID;

-- What there is, in one row: files and their bytes, complete slots.
CREATE TABLE upload_totals (
    id INTEGER PRIMARY KEY,
    files INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    slots INTEGER NOT NULL
);
INSERT INTO upload_totals (id, files, bytes, slots) VALUES (1, 0, 0, 0);
