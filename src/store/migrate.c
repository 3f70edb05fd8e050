/*
 * migrate.c: the schema, step by step. Each step and the record that it was done are one transaction, so that a cut in
 * the middle leaves the database at a version that exists. A program never runs on a schema newer than itself.
 * Start-up, on the writer's connection, before anything else.
 */
#include "store/migrate.h"

#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "store/schema.h"

int migrate_version(struct db *db, int64_t *out) {
    struct db_statement *s = db_prepare(db, "SELECT max(version) FROM migrations");
    int got = db_step(s);
    if (got == 1) *out = db_int(s, 0);
    db_finish(s);
    return got < 0 ? got : 0;
}

static int step_record(struct db *db, const struct schema_step *step) {
    struct db_statement *s = db_prepare(db, "INSERT INTO migrations (version, name) VALUES (?1, ?2)");
    db_bind_int(s, 1, step->version);
    db_bind_text(s, 2, str_c(step->name));
    return db_run(s);
}

static int step_apply(struct db *db, const struct schema_step *step) {
    int err = db_begin(db);
    if (err) return err;
    err = db_script(db, step->sql);
    if (!err) err = step_record(db, step);
    if (err) {
        db_rollback(db);
        return err;
    }
    return db_commit(db);
}

int migrate(struct db *db) {
    int64_t version = 0;
    int err = db_script(db, "CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL)");
    if (!err) err = migrate_version(db, &version);
    if (!err && version > schema_step_count) {
        LOG(LOG_ERROR, "database_is_newer", F_INT("version", version), F_INT("known", schema_step_count));
        err = ERR_UNSUPPORTED;
    }
    for (int64_t i = version; !err && i < schema_step_count; i++) err = step_apply(db, &schema_steps[i]);
    return err;
}

int meta_get_or_create(struct db *db, const char *name, const void *initial, size_t len, void *out) {
    CHECK(len <= 64);
    struct db_statement *s =
        db_prepare(db, "INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING");
    db_bind_text(s, 1, str_c(name));
    db_bind_blob(s, 2, str_of(initial, len));
    int err = db_run(s);
    if (err) return err;
    s = db_prepare(db, "SELECT value FROM meta WHERE name = ?1");
    db_bind_text(s, 1, str_c(name));
    int got = db_step(s);
    struct str value = got == 1 ? db_blob(s, 0) : STR_NONE;
    if (value.len == len) memcpy(out, value.p, len);
    err = got < 0 ? got : value.len == len ? 0 : ERR_STORE;
    db_finish(s);
    return err;
}
