-- A message, once, with both owners: what is true. Appended only, so that a commit of many messages touches few pages.
-- An owner that lets go of it becomes 0; when both are, it goes. Ids are never used again.
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    out_account INTEGER NOT NULL,
    out_sequence INTEGER NOT NULL,
    out_peer TEXT,
    out_flags INTEGER NOT NULL,
    in_account INTEGER NOT NULL,
    in_sequence INTEGER NOT NULL,
    in_peer TEXT,
    in_flags INTEGER NOT NULL,
    origin INTEGER NOT NULL,
    stanza BLOB NOT NULL
);

-- The order of each owner. Follows from the messages and is brought up to them later (archive_index.c).
-- peer: hash of the other side's bare address.
CREATE TABLE archive_rows (
    account INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    peer INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    message INTEGER NOT NULL,
    PRIMARY KEY (account, sequence)
) WITHOUT ROWID;
CREATE INDEX archive_rows_by_peer ON archive_rows (account, peer, sequence);
CREATE INDEX archive_rows_hidden ON archive_rows (account, sequence) WHERE flags & 4 <> 0;

-- What each sender has sent, for ever: hashes of origin-id and peer. Follows from the messages too.
CREATE TABLE archive_origins (
    account INTEGER NOT NULL,
    origin INTEGER NOT NULL,
    PRIMARY KEY (account, origin)
) WITHOUT ROWID;

-- All messages up to this id are in the two tables above.
CREATE TABLE archive_settled (
    message INTEGER NOT NULL
);
INSERT INTO archive_settled (message) VALUES (0);

-- Sequences at or below an account's offline mark that must be handed over again.
CREATE TABLE owed_again (
    account INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (account, sequence)
) WITHOUT ROWID;
