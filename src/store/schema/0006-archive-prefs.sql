-- archive_policy: of its owner (XEP-0441): 0: the server's; 1 always, 2 roster, 3 never. hidden_sequence: the newest row that is or was
-- kept for its delivery alone.
ALTER TABLE accounts ADD COLUMN archive_policy INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN hidden_sequence INTEGER NOT NULL DEFAULT 0;

-- Addresses whose messages are kept always, or never. Only of accounts with a policy.
CREATE TABLE archive_listed (
    account INTEGER NOT NULL,
    jid TEXT NOT NULL,
    always INTEGER NOT NULL,
    PRIMARY KEY (account, jid)
) WITHOUT ROWID;

-- Beginning with the flags: an index that begins like the table's key is never chosen.
DROP INDEX archive_rows_hidden;
CREATE INDEX archive_rows_hidden ON archive_rows (flags, account, sequence) WHERE flags & 4 <> 0;
UPDATE accounts SET hidden_sequence = coalesce((SELECT newest FROM (SELECT account, max(sequence) AS newest FROM archive_rows
    WHERE flags & 4 <> 0 GROUP BY account) AS hidden WHERE hidden.account = accounts.id), 0);
