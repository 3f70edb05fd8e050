/*
 * slots.c: rows of slots, blobs, dead_files and upload_totals. Equal files are found here, when a slot is complete, and nowhere else: who only knows
 * a hash learns nothing. What must hold: a blob is there exactly while a complete slot owns it; a file that nobody owns is in dead_files.
 * Worker threads, inside a job; functions that change something are part of the caller's transaction.
 */
#include "store/slots.h"

#include "base/check.h"
#include "base/err.h"

#define HOUR_US (3600 * (int64_t)1000000)

struct str slot_purpose_name(enum slot_purpose purpose) {
    static const struct str names[SLOT_PURPOSES] = {STR_INIT("message"), STR_INIT("profile"), STR_INIT("ephemeral")};
    return names[purpose];
}

void slot_secret_hash(struct str secret, uint8_t out[SLOT_HASH_LEN]) {
    hash_bytes(HASH_SHA256, secret, out);
}

/* --- making --- */

/* A statement with one number, whose first row is one or two numbers. */
static int numbers_read(struct db_statement *s, int count, int64_t *out) {
    int got = db_step(s);
    for (int i = 0; got == 1 && i < count; i++) out[i] = db_int(s, i);
    db_finish(s);
    return got < 0 ? got : 0;
}

static int rate_check(struct db *db, const struct slot_row *row, int64_t per_hour, int64_t *out_retry_us) {
    struct db_statement *s = db_prepare(
        db, "SELECT count(*), coalesce(min(created_us), 0) FROM slots WHERE account = ?1 AND created_us > ?2");
    db_bind_int(s, 1, row->account);
    db_bind_int(s, 2, row->created_us - HOUR_US);
    int64_t found[2] = {0};
    int err = numbers_read(s, 2, found);
    if (err || per_hour == 0 || found[0] < per_hour) return err;
    *out_retry_us = found[1] + HOUR_US;
    return ERR_LIMIT;
}

static int quota_check(struct db *db, const struct slot_row *row, int64_t quota, int64_t *out_retry_us) {
    struct db_statement *s =
        db_prepare(db, "SELECT coalesce(sum(size), 0), coalesce(min(CASE WHEN expires_us > 0 THEN expires_us END), 0) "
                       "FROM slots WHERE account = ?1 AND state < 2");
    db_bind_int(s, 1, row->account);
    int64_t found[2] = {0};
    int err = numbers_read(s, 2, found);
    if (err || (row->size <= quota && found[0] <= quota - row->size)) return err;
    *out_retry_us = found[1];
    return ERR_LIMIT;
}

static int slot_insert(struct db *db, const struct slot_row *row, const uint8_t secret[SLOT_HASH_LEN]) {
    struct db_statement *s = db_prepare(
        db, "INSERT INTO slots (get_id, secret, account, name, type, size, purpose, state, created_us, expires_us, "
            "gone_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, ?9, ?10)");
    db_bind_text(s, 1, str_of(row->get_id, SLOT_ID_LEN));
    db_bind_blob(s, 2, str_of(secret, SLOT_HASH_LEN));
    db_bind_int(s, 3, row->account);
    db_bind_text(s, 4, str_of(row->name, row->name_len));
    db_bind_text(s, 5, str_of(row->type, row->type_len));
    db_bind_int(s, 6, row->size);
    db_bind_int(s, 7, row->purpose);
    db_bind_int(s, 8, row->created_us);
    db_bind_int(s, 9, row->expires_us);
    db_bind_int(s, 10, row->gone_us);
    return db_run(s);
}

int slots_create(struct db *db, const struct slot_row *row, const uint8_t secret[SLOT_HASH_LEN],
                 const struct slot_limits *limits, int64_t *out_retry_us) {
    int err = rate_check(db, row, limits->per_hour, out_retry_us);
    if (!err) err = quota_check(db, row, limits->quota, out_retry_us);
    return err ? err : slot_insert(db, row, secret);
}

/* --- finding --- */

#define COLUMNS                                                                                                        \
    "s.id, s.account, s.size, s.created_us, s.expires_us, s.state, s.purpose, s.get_id, s.name, s.type, b.file, "      \
    "s.gone_us "                                                                                                       \
    "FROM slots s LEFT JOIN blobs b ON b.hash = s.blob "
enum { ID, ACCOUNT, SIZE, CREATED_US, EXPIRES_US, STATE, PURPOSE, GET_ID, NAME, TYPE, FILE_NAME, GONE_US };

static uint16_t text_copy(struct str from, char *to, size_t max) {
    size_t len = from.len < max ? from.len : max;
    if (len) memcpy(to, from.p, len);
    to[len] = '\0';
    return (uint16_t)len;
}

static int row_find(struct db_statement *s, int64_t now_us, struct slot_row *out) {
    int got = db_step(s);
    if (got != 1) return got < 0 ? got : ERR_NOT_FOUND;
    *out = (struct slot_row){.id = db_int(s, ID),
                             .account = db_int(s, ACCOUNT),
                             .size = db_int(s, SIZE),
                             .created_us = db_int(s, CREATED_US),
                             .expires_us = db_int(s, EXPIRES_US),
                             .gone_us = db_int(s, GONE_US),
                             .state = (enum slot_state)db_int(s, STATE),
                             .purpose = (enum slot_purpose)db_int(s, PURPOSE)};
    text_copy(db_text(s, GET_ID), out->get_id, SLOT_ID_LEN);
    text_copy(db_text(s, FILE_NAME), out->file, SLOT_ID_LEN);
    out->name_len = text_copy(db_text(s, NAME), out->name, SLOT_NAME_MAX);
    out->type_len = text_copy(db_text(s, TYPE), out->type, SLOT_TYPE_MAX);
    db_finish(s);
    return out->expires_us && out->expires_us <= now_us ? ERR_NOT_FOUND : 0;
}

int slots_find_by_secret(struct db *db, const uint8_t secret[SLOT_HASH_LEN], int64_t now_us, struct slot_row *out) {
    struct db_statement *s = db_prepare(db, "SELECT " COLUMNS "WHERE s.secret = ?1 AND s.state < 2");
    db_bind_blob(s, 1, str_of(secret, SLOT_HASH_LEN));
    return row_find(s, now_us, out);
}

int slots_find_by_id(struct db *db, struct str get_id, int64_t now_us, struct slot_row *out) {
    struct db_statement *s = db_prepare(db, "SELECT " COLUMNS "WHERE s.get_id = ?1 AND s.state = 1");
    db_bind_text(s, 1, get_id);
    return row_find(s, now_us, out);
}

bool slots_owns_open(struct db *db, struct str file) {
    struct db_statement *s = db_prepare(db, "SELECT 1 FROM slots WHERE get_id = ?1 AND state = 0");
    db_bind_text(s, 1, file);
    int got = db_step(s);
    db_finish(s);
    return got != 0; /* when the database fails nothing is thrown away */
}

int slots_next(struct db *db, int64_t account, int64_t after_us, int64_t after_id, struct slot_row *out,
               uint8_t out_hash[SLOT_HASH_LEN], uint8_t out_secret[SLOT_HASH_LEN]) {
    struct db_statement *s =
        db_prepare(db, "SELECT " COLUMNS "WHERE s.account = ?1 AND (s.created_us, s.id) > (?2, ?3) AND s.state = 1 "
                       "ORDER BY s.created_us, s.id LIMIT 1");
    db_bind_int(s, 1, account);
    db_bind_int(s, 2, after_us);
    db_bind_int(s, 3, after_id);
    int err = row_find(s, 0, out);
    if (err) return err;
    s = db_prepare(db, "SELECT blob, secret FROM slots WHERE id = ?1");
    db_bind_int(s, 1, out->id);
    int got = db_step(s);
    struct str hash = got == 1 ? db_blob(s, 0) : STR_NONE, secret = got == 1 ? db_blob(s, 1) : STR_NONE;
    bool is_good = hash.len == SLOT_HASH_LEN && secret.len == SLOT_HASH_LEN;
    if (is_good) memcpy(out_hash, hash.p, SLOT_HASH_LEN);
    if (is_good) memcpy(out_secret, secret.p, SLOT_HASH_LEN);
    db_finish(s);
    return got < 0 ? got : is_good ? 0 : ERR_STORE;
}

int slots_touch(struct db *db, int64_t id, int64_t expires_us) {
    struct db_statement *s =
        db_prepare(db, "UPDATE slots SET expires_us = ?2 WHERE id = ?1 AND state = 0 AND expires_us < ?2");
    db_bind_int(s, 1, id);
    db_bind_int(s, 2, expires_us);
    return db_run(s);
}

/* --- blobs --- */

static int totals_add(struct db *db, int64_t files, int64_t bytes, int64_t slots) {
    struct db_statement *s = db_prepare(
        db, "UPDATE upload_totals SET files = files + ?1, bytes = bytes + ?2, slots = slots + ?3 WHERE id = 1");
    db_bind_int(s, 1, files);
    db_bind_int(s, 2, bytes);
    db_bind_int(s, 3, slots);
    return db_run(s);
}

static int file_dies(struct db *db, struct str file) {
    struct db_statement *s = db_prepare(db, "INSERT INTO dead_files (file) VALUES (?1) ON CONFLICT DO NOTHING");
    db_bind_text(s, 1, file);
    return db_run(s);
}

/* One more owner. 0: there was such content; ERR_NOT_FOUND: there is none. */
static int blob_share(struct db *db, const uint8_t hash[SLOT_HASH_LEN]) {
    struct db_statement *s = db_prepare(db, "UPDATE blobs SET slots = slots + 1 WHERE hash = ?1");
    db_bind_blob(s, 1, str_of(hash, SLOT_HASH_LEN));
    int err = db_run(s);
    return err ? err : db_changes(db) == 1 ? 0 : ERR_NOT_FOUND;
}

static int blob_add(struct db *db, const uint8_t hash[SLOT_HASH_LEN], struct str file, int64_t size) {
    struct db_statement *s = db_prepare(db, "INSERT INTO blobs (hash, file, size, slots) VALUES (?1, ?2, ?3, 1)");
    db_bind_blob(s, 1, str_of(hash, SLOT_HASH_LEN));
    db_bind_text(s, 2, file);
    db_bind_int(s, 3, size);
    return db_run(s);
}

/* One owner less; the last takes the file along. */
static int blob_unshare(struct db *db, struct str hash) {
    struct db_statement *s = db_prepare(db, "SELECT slots, size, file FROM blobs WHERE hash = ?1");
    db_bind_blob(s, 1, hash);
    int got = db_step(s);
    int64_t owners = got == 1 ? db_int(s, 0) : 0, size = got == 1 ? db_int(s, 1) : 0;
    char file[SLOT_ID_LEN + 1] = "";
    if (got == 1) text_copy(db_text(s, 2), file, SLOT_ID_LEN);
    db_finish(s);
    if (got != 1) return got < 0 ? got : ERR_STORE;
    bool last = owners == 1;
    s = last ? db_prepare(db, "DELETE FROM blobs WHERE hash = ?1")
             : db_prepare(db, "UPDATE blobs SET slots = slots - 1 WHERE hash = ?1");
    db_bind_blob(s, 1, hash);
    int err = db_run(s);
    if (!err && last) err = file_dies(db, str_c(file));
    return err ? err : totals_add(db, last ? -1 : 0, last ? -size : 0, -1);
}

/* --- from open to done to gone --- */

static int slot_read(struct db *db, int64_t id, enum slot_state *out_state, int64_t *out_size,
                     char out_get_id[SLOT_ID_LEN + 1], uint8_t out_hash[SLOT_HASH_LEN]) {
    struct db_statement *s = db_prepare(db, "SELECT state, size, get_id, blob FROM slots WHERE id = ?1");
    db_bind_int(s, 1, id);
    int got = db_step(s);
    if (got == 1) {
        *out_state = (enum slot_state)db_int(s, 0);
        *out_size = db_int(s, 1);
        text_copy(db_text(s, 2), out_get_id, SLOT_ID_LEN);
        struct str hash = db_blob(s, 3);
        if (hash.len == SLOT_HASH_LEN) memcpy(out_hash, hash.p, SLOT_HASH_LEN);
    }
    db_finish(s);
    return got == 1 ? 0 : got < 0 ? got : ERR_NOT_FOUND;
}

int slots_complete(struct db *db, int64_t id, const uint8_t hash[SLOT_HASH_LEN], int64_t now_us, int64_t expires_us) {
    enum slot_state state = SLOT_GONE;
    int64_t size = 0;
    char get_id[SLOT_ID_LEN + 1] = "";
    uint8_t none[SLOT_HASH_LEN];
    int err = slot_read(db, id, &state, &size, get_id, none);
    if (!err && state != SLOT_OPEN) err = state == SLOT_DONE ? ERR_EXISTS : ERR_NOT_FOUND;
    if (!err && expires_us && expires_us <= now_us) err = ERR_NOT_FOUND;
    if (err) return err;
    err = blob_share(db, hash);
    bool fresh = err == ERR_NOT_FOUND;
    if (fresh)
        err = blob_add(db, hash, str_c(get_id), size);
    else if (!err)
        err = file_dies(db, str_c(get_id));
    if (!err) err = totals_add(db, fresh ? 1 : 0, fresh ? size : 0, 1);
    if (err) return err;
    struct db_statement *s = db_prepare(db, "UPDATE slots SET state = 1, blob = ?2, expires_us = ?3 WHERE id = ?1");
    db_bind_int(s, 1, id);
    db_bind_blob(s, 2, str_of(hash, SLOT_HASH_LEN));
    db_bind_int(s, 3, expires_us);
    return db_run(s);
}

int slots_adopt(struct db *db, const struct slot_row *row, const uint8_t nobodys[SLOT_HASH_LEN], int64_t *out_id) {
    struct db_statement *s = db_prepare(db, "SELECT id, account, state FROM slots WHERE get_id = ?1");
    db_bind_text(s, 1, str_of(row->get_id, SLOT_ID_LEN));
    int64_t found[3] = {0, 0, SLOT_GONE};
    int err = numbers_read(s, 3, found);
    if (err) return err;
    *out_id = found[0];
    if (found[0] && found[2] == SLOT_OPEN && found[1] == row->account) return 0;
    if (found[2] != SLOT_GONE) return ERR_EXISTS;
    s = db_prepare(db, "DELETE FROM slots WHERE id = ?1 AND state = 2");
    db_bind_int(s, 1, found[0]);
    err = db_run(s);
    if (!err) err = slot_insert(db, row, nobodys);
    *out_id = db_last_id(db);
    return err;
}

int slots_adopted(struct db *db, int64_t id, const uint8_t hash[SLOT_HASH_LEN], const uint8_t secret[SLOT_HASH_LEN],
                  int64_t now_us, int64_t expires_us) {
    int err = slots_complete(db, id, hash, now_us, expires_us);
    if (err) return err;
    struct db_statement *s = db_prepare(db, "UPDATE OR IGNORE slots SET secret = ?2 WHERE id = ?1");
    db_bind_int(s, 1, id);
    db_bind_blob(s, 2, str_of(secret, SLOT_HASH_LEN));
    return db_run(s);
}

/* What it holds goes; the row stays for the hour's count. */
static int slot_empty(struct db *db, int64_t id) {
    enum slot_state state = SLOT_GONE;
    int64_t size;
    char get_id[SLOT_ID_LEN + 1] = "";
    uint8_t hash[SLOT_HASH_LEN] = {0};
    int err = slot_read(db, id, &state, &size, get_id, hash);
    if (err) return err;
    if (state == SLOT_GONE) return ERR_NOT_FOUND;
    return state == SLOT_OPEN ? file_dies(db, str_c(get_id)) : blob_unshare(db, str_of(hash, SLOT_HASH_LEN));
}

int slots_remove(struct db *db, int64_t id) {
    int err = slot_empty(db, id);
    if (err) return err;
    struct db_statement *s = db_prepare(
        db,
        "UPDATE slots SET state = 2, blob = NULL, name = '', type = '', expires_us = created_us + ?2 WHERE id = ?1");
    db_bind_int(s, 1, id);
    db_bind_int(s, 2, HOUR_US);
    return db_run(s);
}

/* --- many --- */

#define BATCH 256

/* The numbers of up to BATCH slots that a statement finds; < 0: an error. */
static int ids_read(struct db_statement *s, unsigned max, bool (*busy)(void *arg, struct str get_id), void *arg,
                    int64_t ids[BATCH]) {
    int count = 0, got = 0;
    while (count < (int)max && (got = db_step(s)) == 1) {
        if (!busy || !busy(arg, db_text(s, 1))) ids[count++] = db_int(s, 0);
    }
    db_finish(s);
    return got < 0 ? got : count;
}

int slots_drop_account(struct db *db, int64_t account, uint32_t max, bool *out_more) {
    int64_t ids[BATCH];
    struct db_statement *s = db_prepare(db, "SELECT id, get_id FROM slots WHERE account = ?1 LIMIT 256");
    db_bind_int(s, 1, account);
    int most = max < BATCH ? (int)max : BATCH, count = ids_read(s, (unsigned)most, NULL, NULL, ids);
    if (count < 0) return count;
    for (int i = 0; i < count; i++) {
        int err = slot_empty(db, ids[i]);
        if (err && err != ERR_NOT_FOUND) return err;
        s = db_prepare(db, "DELETE FROM slots WHERE id = ?1");
        db_bind_int(s, 1, ids[i]);
        err = db_run(s);
        if (err) return err;
    }
    *out_more = count == most;
    return 0;
}

int slots_expire(struct db *db, int64_t now_us, unsigned max, bool (*busy)(void *arg, struct str get_id), void *arg,
                 unsigned *out_removed) {
    struct db_statement *s =
        db_prepare(db, "DELETE FROM slots WHERE state = 2 AND expires_us > 0 AND expires_us <= ?1");
    db_bind_int(s, 1, now_us);
    int err = db_run(s);
    if (err) return err;
    s = db_prepare(db, "SELECT id, get_id FROM slots WHERE expires_us > 0 AND expires_us <= ?1 AND state < 2");
    db_bind_int(s, 1, now_us);
    int64_t ids[BATCH];
    int count = ids_read(s, max < BATCH ? max : BATCH, busy, arg, ids);
    if (count < 0) return count;
    for (int i = 0; i < count; i++) {
        err = slots_remove(db, ids[i]);
        if (err && err != ERR_NOT_FOUND) return err;
    }
    *out_removed = (unsigned)count;
    return 0;
}

int slots_dead(struct db *db, unsigned max, void (*each)(void *arg, struct str file), void *arg) {
    struct db_statement *s = db_prepare(db, "SELECT file FROM dead_files LIMIT ?1");
    db_bind_int(s, 1, max);
    int got;
    while ((got = db_step(s)) == 1) each(arg, db_text(s, 0));
    db_finish(s);
    return got;
}

int slots_buried(struct db *db, struct str file) {
    struct db_statement *s = db_prepare(db, "DELETE FROM dead_files WHERE file = ?1");
    db_bind_text(s, 1, file);
    return db_run(s);
}

int slots_totals(struct db *db, struct slot_totals *out) {
    struct db_statement *s = db_prepare(db, "SELECT files, bytes, slots FROM upload_totals WHERE id = 1");
    int64_t found[3] = {0};
    int err = numbers_read(s, 3, found);
    if (!err) *out = (struct slot_totals){found[0], found[1], found[2]};
    return err;
}
