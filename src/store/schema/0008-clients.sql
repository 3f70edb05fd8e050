-- The apps and devices that sign in to an account and name themselves (docs/decisions/010-fast.md). client: a keyed hash of the user agent's id.
-- token, next: when the token that is in use, and the one that was given out last and not yet used, were made (0: none); the tokens
-- themselves are derived and stand nowhere. Seen: about when it was here last. signed_out: it must ask for the password again.
CREATE TABLE clients (
    account INTEGER NOT NULL,
    client INTEGER NOT NULL,
    software TEXT NOT NULL,
    device TEXT NOT NULL,
    first_us INTEGER NOT NULL,
    seen_us INTEGER NOT NULL,
    token_us INTEGER NOT NULL,
    next_us INTEGER NOT NULL,
    signed_out INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account, client)
) WITHOUT ROWID;
