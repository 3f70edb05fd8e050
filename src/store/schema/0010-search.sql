-- Messages that changed, or went, after they may have been indexed for searching, in order; the index follows and then they go from here
-- (docs/decisions/013-search.md). A number is never used twice. New messages are not listed: the index finds them by their ids.
CREATE TABLE search_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    message INTEGER NOT NULL
);
CREATE TRIGGER search_message_changed AFTER UPDATE OF out_account, in_account, stanza ON messages
BEGIN
    INSERT INTO search_changes (message) VALUES (new.id);
END;
CREATE TRIGGER search_message_gone AFTER DELETE ON messages
BEGIN
    INSERT INTO search_changes (message) VALUES (old.id);
END;
