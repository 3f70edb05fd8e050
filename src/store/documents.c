/*
 * documents.c: rows of the table documents. Worker threads, inside a job; what changes something is part of the caller's transaction. They go with
 * their account (accounts.c).
 */
#include "store/documents.h"

#include "base/err.h"

static struct db_statement *prepare_of(struct db *db, const char *sql, int64_t account, enum document_kind kind,
                                       struct str name) {
    struct db_statement *s = db_prepare(db, sql);
    db_bind_int(s, 1, account);
    db_bind_int(s, 2, kind);
    db_bind_text(s, 3, name);
    return s;
}

int documents_find(struct db *db, int64_t account, enum document_kind kind, struct str name, struct buf *out_xml,
                   int64_t *out_changed_us) {
    struct db_statement *s =
        prepare_of(db, "SELECT xml, changed_us FROM documents WHERE account = ?1 AND kind = ?2 AND name = ?3", account,
                   kind, name);
    int got = db_step(s);
    if (got == 1) {
        buf_add_str(out_xml, db_blob(s, 0));
        if (out_changed_us) *out_changed_us = db_int(s, 1);
    }
    db_finish(s);
    return got == 1 ? 0 : got == 0 ? ERR_NOT_FOUND : got;
}

/* Others than this one. */
static int count_check(struct db *db, int64_t account, enum document_kind kind, struct str name, int64_t max) {
    struct db_statement *s = prepare_of(
        db, "SELECT count(*) FROM documents WHERE account = ?1 AND kind = ?2 AND name <> ?3", account, kind, name);
    int got = db_step(s);
    int64_t count = got == 1 ? db_int(s, 0) : 0;
    db_finish(s);
    return got < 0 ? got : count < max ? 0 : ERR_LIMIT;
}

int documents_put(struct db *db, int64_t account, enum document_kind kind, struct str name, struct str xml,
                  int64_t now_us, int64_t max) {
    if (!xml.p)
        return db_run(prepare_of(db, "DELETE FROM documents WHERE account = ?1 AND kind = ?2 AND name = ?3", account,
                                 kind, name));
    int err = count_check(db, account, kind, name, max);
    if (err) return err;
    struct db_statement *s = prepare_of(
        db,
        "INSERT INTO documents (account, kind, name, changed_us, xml) SELECT id, ?2, ?3, ?4, ?5 FROM accounts "
        "WHERE id = ?1 AND deleted = 0 ON CONFLICT (account, kind, name) DO UPDATE SET changed_us = "
        "excluded.changed_us, xml = excluded.xml",
        account, kind, name);
    db_bind_int(s, 4, now_us);
    db_bind_blob(s, 5, xml);
    err = db_run(s);
    return err ? err : db_changes(db) == 1 ? 0 : ERR_NOT_FOUND;
}

int documents_each(struct db *db, int64_t account, enum document_kind kind,
                   bool (*each)(void *arg, struct str name, struct str xml), void *arg) {
    struct db_statement *s =
        db_prepare(db, "SELECT name, xml FROM documents WHERE account = ?1 AND kind = ?2 ORDER BY name");
    db_bind_int(s, 1, account);
    db_bind_int(s, 2, kind);
    int got;
    while ((got = db_step(s)) == 1 && each(arg, db_text(s, 0), db_blob(s, 1))) {}
    db_finish(s);
    return got < 0 ? got : 0;
}
