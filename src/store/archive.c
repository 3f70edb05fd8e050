/*
 * archive.c: messages that are kept: added, handed over, let go. A message is one row with both owners (truth);
 * each owner's order is a small row of its own that archive_index.c brings up to date before it is read. Pages are read in archive_query.c.
 *
 * Worker threads, inside a job; what changes something is part of the caller's transaction.
 */
#include "store/archive.h"

#include "base/check.h"
#include "base/err.h"
#include "base/map.h"
#include "store/archive_index.h"

/* --- adding --- */

static int message_add(struct db *db, const struct archive_entry *entry, int64_t origin, int64_t id) {
    struct db_statement *s = db_prepare(
        db, "INSERT INTO messages (out_account, out_sequence, out_peer, out_flags, in_account, in_sequence, in_peer, "
            "in_flags, origin, stanza, id) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)");
    const struct archive_owner *owners[] = {&entry->out, &entry->in};
    for (int i = 0; i < 2; i++) {
        db_bind_int(s, 4 * i + 1, owners[i]->account);
        db_bind_int(s, 4 * i + 2, owners[i]->sequence);
        db_bind_text(s, 4 * i + 3, owners[i]->account ? owners[i]->peer : STR_NONE);
        db_bind_int(s, 4 * i + 4, owners[i]->flags);
    }
    db_bind_int(s, 9, origin);
    db_bind_blob(s, 10, entry->stanza);
    db_bind_int(s, 11, id);
    return db_run(s);
}

uint64_t archive_origin_hash(struct arena *arena, const uint8_t key[16], struct str to_bare, struct str id) {
    if (!str_some(id)) return 0;
    struct str text = ARENA_CONCAT(arena, to_bare, STR("\n"), id);
    uint64_t hash = siphash(key, text.p, text.len);
    return hash ? hash : 1;
}

/*
 * Origins are kept by the sender; by the recipient only where the sender keeps nothing (or is the same). Those are another kind: what
 * a contact sends must not collide with what one has sent to them, nor with what another contact sends.
 */
int64_t archive_origin_key(const struct archive_entry *entry, uint64_t hash) {
    if (!hash || entry->out.account) return (int64_t)hash;
    int64_t other = (int64_t)hash ^ archive_peer_hash(entry->in.peer);
    return other ? other : 1;
}

/* That its account has something to be handed over that its archive does not show. */
static int hidden_note(struct db *db, const struct archive_owner *in) {
    struct db_statement *s = db_prepare(db, "UPDATE accounts SET hidden_sequence = ?2 WHERE id = ?1");
    db_bind_int(s, 1, in->account);
    db_bind_int(s, 2, in->sequence);
    return db_run(s);
}

int archive_add(struct db *db, const struct archive_entry *entry) {
    const struct archive_owner *out = &entry->out, *in = &entry->in;
    CHECK(out->account || in->account);
    int64_t id, known, origin = archive_origin_key(entry, entry->origin);
    int err = origin ? archive_index_find_origin(db, out->account ? out->account : in->account, origin, &known) : 0;
    if (!err) err = archive_index_next_id(db, &id);
    if (!err) err = message_add(db, entry, origin, id);
    if (!err && out->account) err = archive_index_add(db, out, origin, id);
    if (!err && in->account) err = archive_index_add(db, in, out->account ? 0 : origin, id);
    bool waits = (in->flags & ARCHIVE_HIDDEN) && (in->flags & ARCHIVE_OFFLINE);
    return err || !waits ? err : hidden_note(db, in);
}

/* --- reading --- */

int archive_offline_count(struct db *db, int64_t account, int64_t mark, uint32_t limit, uint32_t *out) {
    return archive_count(db, &(struct archive_query){.account = account, .after = mark, .offline = true}, limit, out);
}

/* The first column of the first row; 0 or ERR_NOT_FOUND or an error. */
static int one_int(struct db_statement *s, int64_t *out) {
    int got = db_step(s);
    if (got == 1) *out = db_int(s, 0);
    db_finish(s);
    return got == 1 ? 0 : got == 0 ? ERR_NOT_FOUND : got;
}

int archive_last(struct db *db, int64_t account, int64_t *out) {
    int err = archive_index_ready(db, account);
    if (err) return err;
    struct db_statement *s = db_prepare(
        db,
        "SELECT max(sequence) FROM (SELECT coalesce(max(sequence), 0) AS sequence FROM archive_rows WHERE account = ?1 "
        "UNION ALL SELECT offline_mark FROM accounts WHERE id = ?1 "
        "UNION ALL SELECT changed FROM inbox_accounts WHERE account = ?1) AS known");
    db_bind_int(s, 1, account);
    return one_int(s, out);
}

/* --- handed over, and not --- */

static int sequences_run(struct db *db, const char *sql, int64_t account, const int64_t *sequences, size_t count) {
    int err = 0;
    for (size_t i = 0; !err && i < count; i++) {
        struct db_statement *s = db_prepare(db, sql);
        db_bind_int(s, 1, account);
        db_bind_int(s, 2, sequences[i]);
        err = db_run(s);
    }
    return err;
}

int archive_owe_again(struct db *db, int64_t account, const int64_t *sequences, size_t count) {
    return sequences_run(db, "INSERT INTO owed_again (account, sequence) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                         account, sequences, count);
}

int archive_owed_again_done(struct db *db, int64_t account, const int64_t *sequences, size_t count) {
    return sequences_run(db, "DELETE FROM owed_again WHERE account = ?1 AND sequence = ?2", account, sequences, count);
}

/* --- letting go --- */

/* Messages of rows that go lose this owner; those without any go. `which` chooses rows by ?1 account, ?2 sequence. */
#define MESSAGES_OF(which) "(SELECT message FROM archive_rows WHERE account = ?1 AND " which ")"
#define LET_GO(which)                                                                                                  \
    {                                                                                                                  \
        "UPDATE messages SET out_account = 0, origin = 0 WHERE out_account = ?1 AND id IN " MESSAGES_OF(which),        \
            "UPDATE messages SET in_account = 0 WHERE in_account = ?1 AND id IN " MESSAGES_OF(which),                  \
            "DELETE FROM messages WHERE out_account = 0 AND in_account = 0 AND id IN " MESSAGES_OF(which),             \
            "DELETE FROM archive_corrections WHERE account = ?1 AND message IN " MESSAGES_OF(which),                   \
            "DELETE FROM archive_rows WHERE account = ?1 AND " which,                                                  \
    }
#define LET_GO_STEPS 5

static int let_go(struct db *db, const char *const steps[LET_GO_STEPS], int64_t account, int64_t sequence) {
    int err = archive_index_ready(db, account);
    for (int i = 0; !err && i < LET_GO_STEPS; i++) {
        struct db_statement *s = db_prepare(db, steps[i]);
        db_bind_int(s, 1, account);
        db_bind_int(s, 2, sequence);
        err = db_run(s);
    }
    return err;
}

enum { FLAGS_END = 32 }; /* more than any of ARCHIVE_* together */

/* Up to `max` hidden rows with these flags. */
static uint32_t hidden_find(struct db *db, int64_t account, unsigned flags, int64_t mark, int64_t *out, uint32_t max) {
    struct db_statement *s =
        db_prepare(db, "SELECT sequence FROM archive_rows WHERE flags = ?2 AND flags & 4 <> 0 AND account = ?1 "
                       "AND sequence <= ?3 AND sequence NOT IN (SELECT sequence FROM owed_again WHERE account = ?1)");
    db_bind_int(s, 1, account);
    db_bind_int(s, 2, flags);
    db_bind_int(s, 3, mark);
    uint32_t count = 0;
    while (count < max && db_step(s) == 1) out[count++] = db_int(s, 0);
    db_finish(s);
    return count;
}

int archive_drop_hidden(struct db *db, int64_t account, int64_t mark, uint32_t max, bool *out_more) {
    static const char *const steps[LET_GO_STEPS] = LET_GO("sequence = ?2");
    int64_t found[256];
    uint32_t count = 0, room = max < 256 ? max : 256;
    int err = archive_index_ready(db, account);
    for (unsigned flags = 0; !err && flags < FLAGS_END; flags++) {
        if (flags & ARCHIVE_HIDDEN) count += hidden_find(db, account, flags, mark, found + count, room - count);
    }
    for (uint32_t i = 0; !err && i < count; i++) err = let_go(db, steps, account, found[i]);
    *out_more = !err && count == room;
    return err;
}

/* The sequence of the account's max-th row, INT64_MAX when it has fewer. */
static int drop_up_to(struct db *db, int64_t account, uint32_t max, int64_t *out) {
    struct db_statement *s =
        db_prepare(db, "SELECT sequence FROM archive_rows WHERE account = ?1 ORDER BY sequence LIMIT 1 OFFSET ?2 - 1");
    db_bind_int(s, 1, account);
    db_bind_int(s, 2, max);
    int got = db_step(s);
    *out = got == 1 ? db_int(s, 0) : INT64_MAX;
    db_finish(s);
    return got < 0 ? got : 0;
}

int archive_drop(struct db *db, int64_t account, uint32_t max, bool *out_more) {
    static const char *const steps[LET_GO_STEPS] = LET_GO("sequence <= ?2");
    static const char *const rest[] = {
        "DELETE FROM archive_origins WHERE account = ?1 AND origin IN (SELECT origin FROM archive_origins "
        "WHERE account = ?1 LIMIT ?2)",
        "DELETE FROM owed_again WHERE account = ?1 AND sequence IN (SELECT sequence FROM owed_again "
        "WHERE account = ?1 LIMIT ?2)",
    };
    int64_t last;
    int err = archive_index_ready(db, account);
    if (!err) err = drop_up_to(db, account, max, &last);
    if (!err) err = let_go(db, steps, account, last);
    *out_more = !err && last != INT64_MAX;
    for (size_t i = 0; !err && i < sizeof rest / sizeof *rest; i++) {
        struct db_statement *s = db_prepare(db, rest[i]);
        db_bind_int(s, 1, account);
        db_bind_int(s, 2, max);
        err = db_run(s);
        if (!err && db_changes(db) == max) *out_more = true;
    }
    return err;
}
