-- A room (XEP-0045). Its messages stand in the archive, whose owner it is under its number made negative: numbers are never used again.
-- One that is ended keeps its row, under a name that is no address ('/' and its number), until its archive is empty.
CREATE TABLE rooms (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    config TEXT NOT NULL,
    is_public INTEGER NOT NULL,
    subject TEXT,
    subject_from TEXT,
    subject_us INTEGER NOT NULL DEFAULT 0,
    created_us INTEGER NOT NULL
);
CREATE INDEX rooms_public ON rooms (name) WHERE is_public <> 0;

-- Who has an affiliation or a reserved nick there, by bare address (or a domain that is banned); since when it belongs to it.
CREATE TABLE room_people (
    room INTEGER NOT NULL,
    jid TEXT NOT NULL,
    affiliation INTEGER NOT NULL,
    nick TEXT,
    reason TEXT,
    since_us INTEGER NOT NULL,
    PRIMARY KEY (room, jid)
) WITHOUT ROWID;
CREATE INDEX room_people_by_affiliation ON room_people (room, affiliation, jid);
CREATE INDEX room_people_by_jid ON room_people (jid, affiliation);
