-- accounts.deleted: 1: all of it has gone but the name; 2: its archive goes, piece by piece.
CREATE INDEX accounts_leaving ON accounts (id) WHERE deleted = 2;
