/* rooms.c: see rooms.h. Worker threads, inside a job; what changes something is part of the caller's transaction. */
#include "store/rooms.h"

#include "base/err.h"
#include "store/archive.h"

/* Columns: jid, affiliation, nick, reason, since_us. Ends s. */
static int people_each(struct db_statement *s, void (*person)(void *arg, const struct room_person *person), void *arg) {
    int got;
    while ((got = db_step(s)) == 1) {
        struct room_person p = {db_text(s, 0), (enum affiliation)db_int(s, 1), db_text(s, 2), db_text(s, 3),
                                db_int(s, 4)};
        person(arg, &p);
    }
    db_finish(s);
    return got;
}

static int people_read(struct db *db, int64_t id, void (*person)(void *arg, const struct room_person *person),
                       void *arg) {
    struct db_statement *s =
        db_prepare(db, "SELECT jid, affiliation, nick, reason, since_us FROM room_people WHERE room = ?1 ORDER BY jid");
    db_bind_int(s, 1, id);
    return people_each(s, person, arg);
}

int rooms_people(struct db *db, int64_t id, enum affiliation affiliation, struct str after, uint32_t max,
                 void (*each)(void *arg, const struct room_person *person), void *arg) {
    struct db_statement *s =
        db_prepare(db, "SELECT jid, affiliation, nick, reason, since_us FROM room_people WHERE room = ?1 AND "
                       "affiliation = ?2 AND jid > ?3 ORDER BY jid LIMIT ?4");
    db_bind_int(s, 1, id);
    db_bind_int(s, 2, affiliation);
    db_bind_text(s, 3, str_some(after) ? after : STR(""));
    db_bind_int(s, 4, max);
    return people_each(s, each, arg);
}

int rooms_read(struct db *db, struct str name, void (*room)(void *arg, const struct room_row *row),
               void (*person)(void *arg, const struct room_person *person), void *arg) {
    struct db_statement *s = db_prepare(
        db, "SELECT id, config, is_public, subject, subject_from, subject_us, created_us FROM rooms WHERE name = ?1");
    db_bind_text(s, 1, name);
    int got = db_step(s);
    int64_t id = 0;
    if (got == 1) {
        struct room_row row = {db_int(s, 0),  name,          db_text(s, 1), db_int(s, 2) != 0,
                               db_text(s, 3), db_text(s, 4), db_int(s, 5),  db_int(s, 6)};
        id = row.id;
        room(arg, &row);
    }
    db_finish(s);
    if (got != 1) return got == 0 ? ERR_NOT_FOUND : got;
    return people_read(db, id, person, arg);
}

int rooms_add(struct db *db, const struct room_row *row, int64_t *out_id) {
    struct db_statement *s =
        db_prepare(db, "INSERT INTO rooms (name, config, is_public, created_us) VALUES (?1, ?2, ?3, ?4)");
    db_bind_text(s, 1, row->name);
    db_bind_text(s, 2, row->config);
    db_bind_int(s, 3, row->is_public);
    db_bind_int(s, 4, row->created_us);
    int err = db_run(s);
    if (!err) *out_id = db_last_id(db);
    return err;
}

int rooms_set_config(struct db *db, int64_t id, struct str config, bool is_public) {
    struct db_statement *s = db_prepare(db, "UPDATE rooms SET config = ?2, is_public = ?3 WHERE id = ?1");
    db_bind_int(s, 1, id);
    db_bind_text(s, 2, config);
    db_bind_int(s, 3, is_public);
    return db_run(s);
}

int rooms_set_subject(struct db *db, int64_t id, struct str subject, struct str from, int64_t us) {
    struct db_statement *s =
        db_prepare(db, "UPDATE rooms SET subject = ?2, subject_from = ?3, subject_us = ?4 WHERE id = ?1");
    db_bind_int(s, 1, id);
    db_bind_text(s, 2, subject);
    db_bind_text(s, 3, from);
    db_bind_int(s, 4, us);
    return db_run(s);
}

static int person_remove(struct db *db, int64_t id, struct str jid) {
    struct db_statement *s = db_prepare(db, "DELETE FROM room_people WHERE room = ?1 AND jid = ?2");
    db_bind_int(s, 1, id);
    db_bind_text(s, 2, jid);
    return db_run(s);
}

int rooms_set_person(struct db *db, int64_t id, const struct room_person *p) {
    if (p->affiliation == AFFILIATION_NONE && !str_some(p->nick)) return person_remove(db, id, p->jid);
    struct db_statement *s =
        db_prepare(db, "INSERT INTO room_people (room, jid, affiliation, nick, reason, since_us) VALUES (?1, ?2, ?3, "
                       "?4, ?5, ?6) ON CONFLICT (room, jid) DO UPDATE SET affiliation = ?3, nick = ?4, reason = ?5, "
                       "since_us = ?6");
    db_bind_int(s, 1, id);
    db_bind_text(s, 2, p->jid);
    db_bind_int(s, 3, p->affiliation);
    db_bind_text(s, 4, str_some(p->nick) ? p->nick : STR_NONE);
    db_bind_text(s, 5, str_some(p->reason) ? p->reason : STR_NONE);
    db_bind_int(s, 6, p->since_us);
    return db_run(s);
}

static int run_on(struct db *db, const char *sql, int64_t id) {
    struct db_statement *s = db_prepare(db, sql);
    db_bind_int(s, 1, id);
    return db_run(s);
}

int rooms_end(struct db *db, int64_t id) {
    int err = run_on(db, "DELETE FROM room_people WHERE room = ?1", id);
    return err ? err : run_on(db, "UPDATE rooms SET name = '/' || CAST(id AS TEXT), is_public = 0 WHERE id = ?1", id);
}

int rooms_clear(struct db *db, uint32_t max, int64_t *out_id) {
    struct db_statement *s = db_prepare(db, "SELECT id FROM rooms WHERE name >= '/' AND name < '0' LIMIT 1");
    int got = db_step(s);
    bool more = false;
    *out_id = got == 1 ? db_int(s, 0) : 0;
    db_finish(s);
    if (got != 1) return got;
    int err = archive_drop(db, -*out_id, max, &more);
    return err || more ? err : run_on(db, "DELETE FROM rooms WHERE id = ?1", *out_id);
}

int rooms_owned(struct db *db, struct str jid, uint32_t limit, uint32_t *out) {
    struct db_statement *s = db_prepare(
        db, "SELECT count(*) FROM (SELECT 1 FROM room_people WHERE jid = ?1 AND affiliation = ?2 LIMIT ?3) AS own");
    db_bind_text(s, 1, jid);
    db_bind_int(s, 2, AFFILIATION_OWNER);
    db_bind_int(s, 3, limit);
    int got = db_step(s);
    if (got == 1) *out = (uint32_t)db_int(s, 0);
    db_finish(s);
    return got < 0 ? got : 0;
}

int rooms_public(struct db *db, struct str after, uint32_t max,
                 void (*each)(void *arg, struct str name, struct str config), void *arg) {
    struct db_statement *s =
        db_prepare(db, "SELECT name, config FROM rooms WHERE is_public <> 0 AND name > ?1 ORDER BY name LIMIT ?2");
    db_bind_text(s, 1, str_some(after) ? after : STR(""));
    db_bind_int(s, 2, max);
    int got;
    while ((got = db_step(s)) == 1) each(arg, db_text(s, 0), db_text(s, 1));
    db_finish(s);
    return got;
}
