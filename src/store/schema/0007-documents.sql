-- Small things that an account has, by kind (1: its vCard, 2: private XML, 3: when it was last here) and name, as XML.
CREATE TABLE documents (
    account INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    name TEXT NOT NULL,
    changed_us INTEGER NOT NULL,
    xml BLOB NOT NULL,
    PRIMARY KEY (account, kind, name)
) WITHOUT ROWID;
