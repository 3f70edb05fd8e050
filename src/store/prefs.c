/* prefs.c: preferences of archiving. Worker threads, inside a job; what changes something is part of the caller's transaction. */
#include "store/prefs.h"

static int policy_set(struct db *db, int64_t account, int policy) {
    struct db_statement *s = db_prepare(db, "UPDATE accounts SET archive_policy = ?2 WHERE id = ?1");
    db_bind_int(s, 1, account);
    db_bind_int(s, 2, policy);
    return db_run(s);
}

static int listed_clear(struct db *db, int64_t account) {
    struct db_statement *s = db_prepare(db, "DELETE FROM archive_listed WHERE account = ?1");
    db_bind_int(s, 1, account);
    return db_run(s);
}

static int listed_put(struct db *db, int64_t account, const struct prefs_listed *listed) {
    struct db_statement *s = db_prepare(db, "INSERT INTO archive_listed (account, jid, always) VALUES (?1, ?2, ?3)");
    db_bind_int(s, 1, account);
    db_bind_text(s, 2, listed->jid);
    db_bind_int(s, 3, listed->always);
    return db_run(s);
}

int prefs_put(struct db *db, int64_t account, const struct prefs_row *prefs) {
    int err = policy_set(db, account, prefs->policy);
    if (!err) err = listed_clear(db, account);
    for (uint32_t i = 0; !err && i < prefs->count; i++) err = listed_put(db, account, &prefs->listed[i]);
    return err;
}

int prefs_each(struct db *db, int64_t account, bool (*each)(void *arg, const struct prefs_listed *listed), void *arg) {
    struct db_statement *s = db_prepare(db, "SELECT jid, always FROM archive_listed WHERE account = ?1 ORDER BY jid");
    db_bind_int(s, 1, account);
    int got;
    while ((got = db_step(s)) == 1) {
        struct prefs_listed listed = {db_text(s, 0), db_int(s, 1) != 0};
        if (!each(arg, &listed)) break;
    }
    db_finish(s);
    return got < 0 ? got : 0;
}
