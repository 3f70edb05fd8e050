-- Accounts that are being imported (docs/decisions/015-export.md): nobody can sign in yet; the same import, begun again, goes on.
CREATE TABLE imports (
    account INTEGER PRIMARY KEY,
    started_us INTEGER NOT NULL
);
