-- Publish-subscribe on accounts (docs/decisions/012-pep.md). Nodes: what an account publishes under, with how it wants it (xmpp/pubsub.h).
-- newest: the last sequence given out in it; count, bytes: of its items.
CREATE TABLE nodes (
    id INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    name TEXT NOT NULL,
    access INTEGER NOT NULL,
    publish INTEGER NOT NULL,
    last INTEGER NOT NULL,
    message INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    max_items INTEGER NOT NULL,
    payload_max INTEGER NOT NULL,
    group_names TEXT NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    type TEXT NOT NULL,
    newest INTEGER NOT NULL DEFAULT 0,
    count INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    UNIQUE (account, name)
);

-- What was published, in that order; published again, an item is the newest again.
CREATE TABLE items (
    id INTEGER PRIMARY KEY,
    node INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    name TEXT NOT NULL,
    published_us INTEGER NOT NULL,
    xml BLOB NOT NULL
);
CREATE UNIQUE INDEX items_in_order ON items (node, sequence);
CREATE UNIQUE INDEX items_by_name ON items (node, name);

-- Who has a part in a node besides its owner: by bare address what they are to it, by bare or full address whether they subscribe to it.
CREATE TABLE node_people (
    node INTEGER NOT NULL,
    jid TEXT NOT NULL,
    affiliation INTEGER NOT NULL,
    subscription INTEGER NOT NULL,
    PRIMARY KEY (node, jid)
) WITHOUT ROWID;
