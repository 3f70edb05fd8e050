-- message: the one that came under this origin; 0: not known. So a retraction (XEP-0424) finds what it names.
ALTER TABLE archive_origins ADD COLUMN message INTEGER NOT NULL DEFAULT 0;
INSERT INTO archive_origins (account, origin, message)
    SELECT CASE WHEN out_account <> 0 THEN out_account ELSE in_account END, origin, id FROM messages
    WHERE origin <> 0 AND id <= (SELECT message FROM archive_settled) ORDER BY id
    ON CONFLICT (account, origin) DO UPDATE SET message = excluded.message;

-- Messages that correct others (XEP-0308), by the account that has the origin and by the hash of what they name, made like an origin: they go with it.
CREATE TABLE archive_corrections (
    message INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    target INTEGER NOT NULL
);
CREATE INDEX archive_corrections_of ON archive_corrections (account, target, message);
