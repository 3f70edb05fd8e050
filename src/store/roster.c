/*
 * roster.c: contacts, requests and blocks of an account, and what one home owes another. The server loads an account's
 * rows whole and keeps them while it is in use, so these are plain lists by account, and writes are single rows.
 * Worker threads, inside a job; what changes something is part of the caller's transaction.
 */
#include "store/roster.h"

#include "base/err.h"

/* Of a statement that takes the account and perhaps an address. */
static struct db_statement *prepare_of(struct db *db, const char *sql, int64_t account, struct str jid) {
    struct db_statement *s = db_prepare(db, sql);
    db_bind_int(s, 1, account);
    if (jid.p) db_bind_text(s, 2, jid);
    return s;
}

/* The end of a walk: `got` is what the last step said, 1 when the reader had enough. */
static int walk_end(struct db_statement *s, int got) {
    db_finish(s);
    return got < 0 ? got : 0;
}

/* --- contacts --- */

int roster_each(struct db *db, int64_t account, bool (*each)(void *arg, const struct roster_row *row), void *arg) {
    struct db_statement *s = prepare_of(
        db, "SELECT jid, name, group_names, flags FROM roster WHERE account = ?1 ORDER BY jid", account, STR_NONE);
    int got;
    while ((got = db_step(s)) == 1) {
        struct roster_row row = {
            .jid = db_text(s, 0), .name = db_text(s, 1), .groups = db_text(s, 2), .flags = (unsigned)db_int(s, 3)};
        if (!each(arg, &row)) break;
    }
    return walk_end(s, got);
}

int roster_seen_by(struct db *db, struct jid who, const struct str *owners, uint32_t count,
                   bool (*each)(void *arg, struct str owner, unsigned flags, bool is_blocked), void *arg) {
    struct str full = jid_str(who);
    struct db_statement *s = db_prepare(
        db, "SELECT a.jid, coalesce(r.flags, 0), EXISTS (SELECT 1 FROM blocked b WHERE b.account = a.id AND b.jid IN "
            "(?65, ?66, ?67, ?68)) FROM accounts a LEFT JOIN roster r ON r.account = a.id AND r.jid = ?65 "
            "WHERE a.jid IN (" BATCH_64 ") AND a.deleted = 0");
    for (uint32_t i = 0; i < BATCH_MAX; i++) db_bind_text(s, (int)i + 1, i < count ? owners[i] : STR_NONE);
    db_bind_text(s, 65, jid_bare_str(who));
    db_bind_text(s, 66, jid_domain(who));
    db_bind_text(s, 67, full);
    db_bind_text(s, 68, who.local_len ? str_from(full, who.local_len + 1u) : full); /* domain/resource */
    int got;
    while ((got = db_step(s)) == 1)
        if (!each(arg, db_text(s, 0), (unsigned)db_int(s, 1), db_int(s, 2) != 0)) break;
    return walk_end(s, got);
}

static int version_set(struct db *db, int64_t account, int64_t version) {
    struct db_statement *s = db_prepare(db, "UPDATE accounts SET roster_version = ?2 WHERE id = ?1");
    db_bind_int(s, 1, account);
    db_bind_int(s, 2, version);
    return db_run(s);
}

int roster_put(struct db *db, int64_t account, const struct roster_row *row, int64_t version) {
    struct db_statement *s =
        prepare_of(db,
                   "INSERT INTO roster (account, jid, name, group_names, flags) VALUES (?1, ?2, ?3, ?4, ?5) "
                   "ON CONFLICT (account, jid) DO UPDATE SET name = excluded.name, group_names = excluded.group_names, "
                   "flags = excluded.flags",
                   account, row->jid);
    db_bind_text(s, 3, row->name);
    db_bind_text(s, 4, row->groups);
    db_bind_int(s, 5, row->flags);
    int err = db_run(s);
    return err ? err : version_set(db, account, version);
}

int roster_remove(struct db *db, int64_t account, struct str jid, int64_t version) {
    int err = db_run(prepare_of(db, "DELETE FROM roster WHERE account = ?1 AND jid = ?2", account, jid));
    return err ? err : version_set(db, account, version);
}

/* --- requests --- */

int requests_each(struct db *db, int64_t account, bool (*each)(void *arg, struct str jid, struct str stanza),
                  void *arg) {
    struct db_statement *s = prepare_of(
        db, "SELECT jid, stanza FROM requests WHERE account = ?1 ORDER BY created_us, jid", account, STR_NONE);
    int got;
    while ((got = db_step(s)) == 1)
        if (!each(arg, db_text(s, 0), db_blob(s, 1))) break;
    return walk_end(s, got);
}

int requests_put(struct db *db, int64_t account, struct str jid, struct str stanza, int64_t now_us) {
    struct db_statement *s = prepare_of(
        db,
        "INSERT INTO requests (account, jid, stanza, created_us) VALUES (?1, ?2, ?3, ?4) "
        "ON CONFLICT (account, jid) DO UPDATE SET stanza = excluded.stanza, created_us = excluded.created_us",
        account, jid);
    db_bind_blob(s, 3, stanza);
    db_bind_int(s, 4, now_us);
    return db_run(s);
}

int requests_remove(struct db *db, int64_t account, struct str jid) {
    return db_run(prepare_of(db, "DELETE FROM requests WHERE account = ?1 AND jid = ?2", account, jid));
}

/* --- blocks --- */

int blocked_each(struct db *db, int64_t account, bool (*each)(void *arg, struct str jid), void *arg) {
    struct db_statement *s =
        prepare_of(db, "SELECT jid FROM blocked WHERE account = ?1 ORDER BY jid", account, STR_NONE);
    int got;
    while ((got = db_step(s)) == 1)
        if (!each(arg, db_text(s, 0))) break;
    return walk_end(s, got);
}

int blocked_put(struct db *db, int64_t account, struct str jid) {
    return db_run(
        prepare_of(db, "INSERT INTO blocked (account, jid) VALUES (?1, ?2) ON CONFLICT DO NOTHING", account, jid));
}

int blocked_remove(struct db *db, int64_t account, struct str jid) {
    if (!jid.p) return db_run(prepare_of(db, "DELETE FROM blocked WHERE account = ?1", account, jid));
    return db_run(prepare_of(db, "DELETE FROM blocked WHERE account = ?1 AND jid = ?2", account, jid));
}

/* --- owed between homes --- */

int owed_put(struct db *db, int64_t id, struct str from_bare, struct str to_bare, struct str stanza) {
    struct db_statement *s = db_prepare(db, "INSERT INTO owed (id, from_jid, to_jid, stanza) VALUES (?1, ?2, ?3, ?4)");
    db_bind_int(s, 1, id);
    db_bind_text(s, 2, from_bare);
    db_bind_text(s, 3, to_bare);
    db_bind_blob(s, 4, stanza);
    return db_run(s);
}

int owed_remove(struct db *db, int64_t id) {
    struct db_statement *s = db_prepare(db, "DELETE FROM owed WHERE id = ?1");
    db_bind_int(s, 1, id);
    return db_run(s);
}

int owed_each(struct db *db,
              bool (*each)(void *arg, int64_t id, struct str from_bare, struct str to_bare, struct str stanza),
              void *arg) {
    struct db_statement *s = db_prepare(db, "SELECT id, from_jid, to_jid, stanza FROM owed ORDER BY id");
    int got;
    while ((got = db_step(s)) == 1)
        if (!each(arg, db_int(s, 0), db_text(s, 1), db_text(s, 2), db_blob(s, 3))) break;
    return walk_end(s, got);
}
