/*
 * accounts.c: rows of the table accounts. Of each hash an account keeps one blob: salt, stored key, server key.
 * Deleting an account keeps its row, so that neither its number nor its name is given to somebody else.
 * Worker threads, inside a job; functions that change something are part of the caller's transaction.
 */
#include "store/accounts.h"

#include "base/check.h"
#include "base/err.h"
#include "store/archive.h"
#include "store/inbox.h"
#include "store/items.h"
#include "store/slots.h"

enum { SLOTS_AT_ONCE = 256 }; /* a few milliseconds of the writer */
#define KEYS_LEN_MAX (SASL_SALT_MAX + 2 * HASH_LEN_MAX)
#define COLUMNS                                                                                                        \
    "id, generation, deleted, sha1_iterations, sha1_keys, sha256_iterations, sha256_keys, roster_version, "            \
    "offline_mark, created_us, archive_policy, hidden_sequence, avatar, jid "
enum {
    ID,
    GENERATION,
    DELETED,
    SHA1_ITERATIONS,
    SHA1_KEYS,
    SHA256_ITERATIONS,
    SHA256_KEYS,
    ROSTER_VERSION,
    OFFLINE_MARK,
    CREATED_US,
    ARCHIVE_POLICY,
    HIDDEN_SEQUENCE,
    AVATAR,
    JID
};

static struct str keys_pack(enum hash hash, const struct scram_keys *keys, char out[KEYS_LEN_MAX]) {
    if (!keys || !keys->iterations) return STR_NONE;
    size_t len = hash_len(hash);
    memcpy(out, keys->salt, keys->salt_len);
    memcpy(out + keys->salt_len, keys->stored, len);
    memcpy(out + keys->salt_len + len, keys->server, len);
    return str_of(out, keys->salt_len + 2 * len);
}

static void keys_unpack(enum hash hash, int64_t iterations, struct str packed, struct scram_keys *out) {
    size_t len = hash_len(hash);
    *out = (struct scram_keys){0};
    if (packed.len <= 2 * len || packed.len > SASL_SALT_MAX + 2 * len) return; /* none */
    out->iterations = (uint32_t)iterations;
    out->salt_len = (uint8_t)(packed.len - 2 * len);
    memcpy(out->salt, packed.p, out->salt_len);
    memcpy(out->stored, packed.p + out->salt_len, len);
    memcpy(out->server, packed.p + out->salt_len + len, len);
}

static void row_read(struct db_statement *s, struct account_row *out) {
    out->id = db_int(s, ID);
    out->generation = db_int(s, GENERATION);
    out->deleted = db_int(s, DELETED) != 0;
    keys_unpack(HASH_SHA1, db_int(s, SHA1_ITERATIONS), db_blob(s, SHA1_KEYS), &out->sha1);
    keys_unpack(HASH_SHA256, db_int(s, SHA256_ITERATIONS), db_blob(s, SHA256_KEYS), &out->sha256);
    out->roster_version = db_int(s, ROSTER_VERSION);
    out->offline_mark = db_int(s, OFFLINE_MARK);
    out->created_us = db_int(s, CREATED_US);
    out->archive_policy = (int)db_int(s, ARCHIVE_POLICY);
    out->hidden_sequence = db_int(s, HIDDEN_SEQUENCE);
    struct str avatar = db_blob(s, AVATAR);
    out->avatar_len = avatar.len == sizeof out->avatar ? sizeof out->avatar : 0;
    if (out->avatar_len) memcpy(out->avatar, avatar.p, out->avatar_len);
}

int accounts_find(struct db *db, struct str bare_jid, struct account_row *out) {
    struct db_statement *s = db_prepare(db, "SELECT " COLUMNS "FROM accounts WHERE jid = ?1");
    db_bind_text(s, 1, bare_jid);
    int got = db_step(s);
    if (got == 1) row_read(s, out);
    db_finish(s);
    return got == 1 ? 0 : got == 0 ? ERR_NOT_FOUND : got;
}

/* Parameters from `at`: iterations and keys of SHA-1, of SHA-256. Text and statement live until it has run. */
static void keys_bind(struct db_statement *s, int at, const struct scram_keys *sha1, const struct scram_keys *sha256,
                      char text[2][KEYS_LEN_MAX]) {
    db_bind_int(s, at, sha1 ? sha1->iterations : 0);
    db_bind_blob(s, at + 1, keys_pack(HASH_SHA1, sha1, text[0]));
    db_bind_int(s, at + 2, sha256 ? sha256->iterations : 0);
    db_bind_blob(s, at + 3, keys_pack(HASH_SHA256, sha256, text[1]));
}

int accounts_create(struct db *db, struct str bare_jid, const struct scram_keys *sha1, const struct scram_keys *sha256,
                    int64_t now_us, int64_t *out_id) {
    char text[2][KEYS_LEN_MAX];
    struct db_statement *s = db_prepare(
        db, "INSERT INTO accounts (jid, generation, created_us, changed_us, "
            "sha1_iterations, sha1_keys, sha256_iterations, sha256_keys) VALUES (?1, 1, ?2, ?2, ?3, ?4, ?5, ?6)");
    db_bind_text(s, 1, bare_jid);
    db_bind_int(s, 2, now_us);
    keys_bind(s, 3, sha1, sha256, text);
    int err = db_run(s);
    if (err) return err;
    *out_id = db_last_id(db);
    return 0;
}

/* Of an UPDATE that names one living account. */
static int run_on_one(struct db *db, struct db_statement *s) {
    int err = db_run(s);
    return err ? err : db_changes(db) == 1 ? 0 : ERR_NOT_FOUND;
}

int accounts_set_keys(struct db *db, int64_t id, const struct scram_keys *sha1, const struct scram_keys *sha256) {
    char text[2][KEYS_LEN_MAX];
    struct db_statement *s =
        db_prepare(db, "UPDATE accounts SET generation = generation + 1, sha1_iterations = ?2, sha1_keys = ?3, "
                       "sha256_iterations = ?4, sha256_keys = ?5 WHERE id = ?1 AND deleted = 0");
    db_bind_int(s, 1, id);
    keys_bind(s, 2, sha1, sha256, text);
    return run_on_one(db, s);
}

int accounts_upgrade_keys(struct db *db, int64_t id, int64_t generation, enum hash hash,
                          const struct scram_keys *keys) {
    static const char *const texts[] = {
        [HASH_SHA1] = "UPDATE accounts SET sha1_iterations = ?3, sha1_keys = ?4 "
                      "WHERE id = ?1 AND generation = ?2 AND deleted = 0 AND sha1_iterations < ?3",
        [HASH_SHA256] = "UPDATE accounts SET sha256_iterations = ?3, sha256_keys = ?4 "
                        "WHERE id = ?1 AND generation = ?2 AND deleted = 0 AND sha256_iterations < ?3",
    };
    char text[KEYS_LEN_MAX];
    struct db_statement *s = db_prepare(db, texts[hash]);
    db_bind_int(s, 1, id);
    db_bind_int(s, 2, generation);
    db_bind_int(s, 3, keys->iterations);
    db_bind_blob(s, 4, keys_pack(hash, keys, text));
    return run_on_one(db, s);
}

static int account_mark_deleted(struct db *db, int64_t id, int64_t now_us) {
    struct db_statement *s = db_prepare(
        db, "UPDATE accounts SET deleted = 2, generation = generation + 1, changed_us = ?2, sha1_iterations = 0, "
            "sha1_keys = NULL, sha256_iterations = 0, sha256_keys = NULL WHERE id = ?1 AND deleted = 0");
    db_bind_int(s, 1, id);
    db_bind_int(s, 2, now_us);
    return run_on_one(db, s);
}

int accounts_delete(struct db *db, int64_t id, int64_t now_us) {
    static const char *const own[] = {
        "DELETE FROM roster WHERE account = ?1",    "DELETE FROM requests WHERE account = ?1",
        "DELETE FROM blocked WHERE account = ?1",   "DELETE FROM archive_listed WHERE account = ?1",
        "DELETE FROM documents WHERE account = ?1", "DELETE FROM clients WHERE account = ?1",
        "DELETE FROM imports WHERE account = ?1",
    };
    int err = account_mark_deleted(db, id, now_us);
    for (size_t i = 0; !err && i < sizeof own / sizeof *own; i++) {
        struct db_statement *s = db_prepare(db, own[i]);
        db_bind_int(s, 1, id);
        err = db_run(s);
    }
    bool more; /* the others go with its archive */
    return err ? err : slots_drop_account(db, id, SLOTS_AT_ONCE, &more);
}

int accounts_leaving(struct db *db, int64_t *out_id) {
    struct db_statement *s = db_prepare(db, "SELECT id FROM accounts WHERE deleted = 2 LIMIT 1");
    int got = db_step(s);
    *out_id = got == 1 ? db_int(s, 0) : 0;
    db_finish(s);
    return got < 0 ? got : 0;
}

int accounts_clear(struct db *db, int64_t id, uint32_t max) {
    bool more;
    int err = slots_drop_account(db, id, max, &more);
    if (!err && !more) err = archive_drop(db, id, max, &more);
    if (!err && !more) err = inbox_drop(db, id, max, &more);
    if (!err && !more) err = items_drop(db, id, max, &more);
    if (err || more) return err;
    struct db_statement *s = db_prepare(db, "UPDATE accounts SET deleted = 1 WHERE id = ?1 AND deleted = 2");
    db_bind_int(s, 1, id);
    return db_run(s);
}

int accounts_set_offline_mark(struct db *db, int64_t id, int64_t mark) {
    struct db_statement *s =
        db_prepare(db, "UPDATE accounts SET offline_mark = ?2 WHERE id = ?1 AND offline_mark < ?2");
    db_bind_int(s, 1, id);
    db_bind_int(s, 2, mark);
    return db_run(s);
}

int accounts_each(struct db *db, struct str after,
                  bool (*each)(void *arg, struct str bare_jid, const struct account_row *row), void *arg) {
    struct db_statement *s = db_prepare(db, "SELECT " COLUMNS "FROM accounts WHERE jid > ?1 ORDER BY jid");
    db_bind_text(s, 1, after.p ? after : STR(""));
    int got;
    while ((got = db_step(s)) == 1) {
        struct account_row row;
        row_read(s, &row);
        if (!each(arg, db_text(s, JID), &row)) break;
    }
    db_finish(s);
    return got < 0 ? got : 0;
}
