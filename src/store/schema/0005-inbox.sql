-- What is known of each conversation (docs/decisions/007-inbox.md) up to a place in its owner's archive. Follows from the archive, but for the marks that
-- were set by themselves. peer: as in archive_rows. newest: the last row that counts; first: the oldest unread, 0: none.
CREATE TABLE inbox (
    account INTEGER NOT NULL,
    peer INTEGER NOT NULL,
    newest INTEGER NOT NULL,
    first INTEGER NOT NULL,
    unread INTEGER NOT NULL,
    mark INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    PRIMARY KEY (account, peer)
) WITHOUT ROWID;

-- upto: the rows of the archive behind it are not counted yet. changed: the newest place that a mark took; a mark may be ahead of upto.
CREATE TABLE inbox_accounts (
    account INTEGER PRIMARY KEY,
    upto INTEGER NOT NULL,
    changed INTEGER NOT NULL
);

-- Rows from before there was an inbox: those that are messages (8), by what the recipient's side says; all of them have been read.
UPDATE archive_rows SET flags = flags | 8 WHERE message IN (SELECT id FROM messages WHERE in_flags & 2 <> 0);
UPDATE messages SET out_flags = out_flags | 8, in_flags = in_flags | 8
    WHERE in_flags & 2 <> 0 AND id > (SELECT message FROM archive_settled);
INSERT INTO inbox (account, peer, newest, first, unread, mark, changed)
    SELECT account, peer, max(sequence), 0, 0, max(sequence), max(sequence) FROM archive_rows
    WHERE flags & 8 <> 0 AND flags & 4 = 0 GROUP BY account, peer;
INSERT INTO inbox_accounts (account, upto, changed) SELECT account, max(sequence), 0 FROM archive_rows GROUP BY account;
