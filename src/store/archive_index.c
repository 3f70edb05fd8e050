/*
 * archive_index.c: puts messages in order for their owners: later, many at once.
 *
 * A commit costs by the pages it touches. Messages are appended, so dozens share a page; but their owners' rows, the rows by
 * peer and the origins lie wherever those accounts lie: five pages a message, ten times the cost of the message itself
 * (docs/decisions/003-archive-layout.md). So the writer keeps these rows in memory, in buckets of a few accounts, and
 * moves a bucket into the tables when it has gathered many; at once for an account that is about to be read.
 *
 * What must hold:
 *   - messages is what is true; every row here can be made again from it, and making it twice changes nothing. After a
 *     crash all messages above archive_settled are read once more: their rows are late again.
 *   - Buckets follow the transaction: what it added goes with a rollback, what it moved is dropped only after its commit.
 *   - A reader sees all rows of an account, or asks first: `late` counts a row before its commit and forgets it only after the
 *     commit that put it in order, and `epoch` says whether that was before the reader's view began.
 *
 * The writer's half runs on the writer's thread, a reader's on that reader's; they share struct archive_shared.
 */
#include "store/archive_index.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "base/map.h"

#define LATE_ROWS_MAX 500000 /* in all buckets: 30 MB, and a second or two to read after a crash */
#define BUCKET_ROWS_MAX 512  /* one settles it */
#define BUCKET_ACCOUNTS 4    /* neighbours in number are neighbours on pages */

struct late_row {
    int64_t account, sequence, peer, message;
    int64_t origin; /* 0: none here */
    unsigned flags;
};

struct bucket {
    struct late_row *rows;
    uint32_t
        *origins; /* a few bits of each row's, in any order: a bucket is searched from end to end for each message */
    uint32_t count, cap;
    uint32_t moved; /* the first so many are in the tables when this transaction is committed */
    uint32_t base;  /* count when it began */
    bool touched;   /* in index->touched */
};

struct archive_index {
    struct db_companion companion;
    struct db *db;
    struct archive_shared *shared;
    /* a reader */
    int (*settle)(void *arg, int64_t account);
    void *settle_arg;
    uint64_t view_epoch;
    /* the writer */
    struct bucket *buckets;
    int64_t late_rows;  /* not moved */
    uint32_t hand;      /* the sweep has moved the buckets before it */
    int64_t sweep_mark; /* last message when the sweep began */
    int64_t last_message, last_committed;
    int64_t recovered; /* last message when it was opened: rows up to here may be in the tables already */
    uint16_t touched[ARCHIVE_BUCKETS];
    uint32_t touched_count;
    bool in_transaction;
};

static struct archive_index *index_of(const struct db *db) {
    return (struct archive_index *)db_companion(db);
}

static uint32_t bucket_of(int64_t account) {
    return (uint32_t)((uint64_t)account / BUCKET_ACCOUNTS % ARCHIVE_BUCKETS);
}

int64_t archive_peer_hash(struct str peer) {
    /* The key is no secret: the database must mean the same tomorrow. Who finds two addresses with one hash has
     * their own queries read a few rows more, because the address itself is compared as well. */
    static const uint8_t key[16] = "archive-peer-v1";
    return (int64_t)siphash(key, peer.p, peer.len);
}

/* --- into the tables --- */

#define ROWS_AT_ONCE 8
/* OR IGNORE and not the standard's ON CONFLICT DO NOTHING: SQLite would copy each page first, to be able to undo half a statement. */
#define INSERT_ROWS "INSERT OR IGNORE INTO archive_rows (account, sequence, peer, flags, message) VALUES "

static int rows_insert(struct db_statement *s, const struct late_row *rows, int count) {
    for (int i = 0, at = 1; i < count; i++) {
        db_bind_int(s, at++, rows[i].account);
        db_bind_int(s, at++, rows[i].sequence);
        db_bind_int(s, at++, rows[i].peer);
        db_bind_int(s, at++, rows[i].flags);
        db_bind_int(s, at++, rows[i].message);
    }
    return db_run(s);
}

static int row_write(struct db *db, const struct late_row *row) {
    return rows_insert(db_prepare(db, INSERT_ROWS "(?, ?, ?, ?, ?)"), row, 1);
}

/* To begin and end a statement costs as much as a row: eight share one. */
static int rows_write(struct db *db, const struct late_row *rows) {
    _Static_assert(ROWS_AT_ONCE == 8, "as many groups as rows");
    return rows_insert(db_prepare(db, INSERT_ROWS "(?, ?, ?, ?, ?), (?, ?, ?, ?, ?), (?, ?, ?, ?, ?), (?, ?, ?, ?, ?), "
                                                  "(?, ?, ?, ?, ?), (?, ?, ?, ?, ?), (?, ?, ?, ?, ?), (?, ?, ?, ?, ?)"),
                       rows, ROWS_AT_ONCE);
}

static int origin_write(struct db *db, const struct late_row *row) {
    struct db_statement *s = db_prepare(
        db, "INSERT INTO archive_origins (account, origin, message) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING");
    db_bind_int(s, 1, row->account);
    db_bind_int(s, 2, row->origin);
    db_bind_int(s, 3, row->message);
    return db_run(s);
}

static int order_by_sequence(const void *left, const void *right) {
    const struct late_row *a = left, *b = right;
    if (a->account != b->account) return a->account < b->account ? -1 : 1;
    return (a->sequence > b->sequence) - (a->sequence < b->sequence);
}

static void bucket_touch(struct archive_index *index, uint32_t at) {
    struct bucket *b = &index->buckets[at];
    if (b->touched) return;
    b->touched = true;
    index->touched[index->touched_count++] = (uint16_t)at;
}

static bool rows_are_new(const struct archive_index *index, const struct late_row *rows, uint32_t count) {
    uint32_t known = 0;
    for (uint32_t i = 0; i < count; i++) known += rows[i].message <= index->recovered;
    return known == 0;
}

/* Page after page instead of to and fro: rows first, then origins. */
static int bucket_settle(struct archive_index *index, uint32_t at) {
    struct bucket *b = &index->buckets[at];
    if (b->moved == b->count) return 0;
    bucket_touch(index, at);
    qsort(b->rows + b->moved, b->count - b->moved, sizeof *b->rows, order_by_sequence);
    int err = 0;
    for (uint32_t i = b->moved; !err && i < b->count;) {
        const struct late_row *row = &b->rows[i];
        uint32_t count = b->count - i >= ROWS_AT_ONCE ? ROWS_AT_ONCE : 1;
        err = count == 1 ? row_write(index->db, row) : rows_write(index->db, row);
        if (!err && db_changes(index->db) != count &&
            rows_are_new(index, row, count)) /* its home gave a sequence twice */
            LOG(LOG_ERROR, "archive_sequence_taken", F_INT("account", row->account), F_INT("sequence", row->sequence),
                F_INT("rows", count));
        i += count;
    }
    for (uint32_t i = b->moved; !err && i < b->count; i++)
        if (b->rows[i].origin) err = origin_write(index->db, &b->rows[i]);
    if (err) return err;
    index->late_rows -= b->count - b->moved;
    b->moved = b->count;
    return 0;
}

static int settled_write(struct db *db, int64_t message) {
    struct db_statement *s = db_prepare(db, "UPDATE archive_settled SET message = ?1 WHERE message < ?1");
    db_bind_int(s, 1, message);
    return db_run(s);
}

int archive_index_tidy(struct db *db) {
    struct archive_index *index = index_of(db);
    int err = 0;
    int64_t rows_max = index && index->shared->rows_max ? index->shared->rows_max : LATE_ROWS_MAX;
    while (!err && index && index->late_rows > rows_max) {
        err = bucket_settle(index, index->hand++);
        if (err || index->hand < ARCHIVE_BUCKETS) continue;
        err = settled_write(db, index->sweep_mark); /* all that was there when this sweep began */
        index->hand = 0;
        index->sweep_mark = index->last_message;
    }
    return err;
}

/* --- adding --- */

/* Of a connection without an index. */
static int next_id_from_tables(struct db *db, int64_t *out) {
    struct db_statement *s = db_prepare(db, "SELECT max(message) + 1 FROM (SELECT message FROM archive_settled "
                                            "UNION ALL SELECT coalesce(max(id), 0) FROM messages) AS known");
    int got = db_step(s);
    if (got == 1) *out = db_int(s, 0);
    db_finish(s);
    return got == 1 ? 0 : got < 0 ? got : ERR_STORE;
}

int archive_index_next_id(struct db *db, int64_t *out) {
    struct archive_index *index = index_of(db);
    if (!index) return next_id_from_tables(db, out);
    CHECK(index->in_transaction); /* else a rollback could not tell what it takes back */
    *out = ++index->last_message;
    return 0;
}

static uint32_t origin_bits(int64_t account, int64_t origin) {
    return origin ? ((uint32_t)((uint64_t)origin >> 32) ^ (uint32_t)account) | 1 : 0;
}

static void bucket_add(struct bucket *b, const struct late_row *row) {
    if (b->count == b->cap) {
        b->cap = b->cap ? b->cap + b->cap / 2 : 8;
        b->rows = realloc(b->rows, b->cap * sizeof *b->rows);
        b->origins = realloc(b->origins, b->cap * sizeof *b->origins);
        CHECK(b->rows && b->origins);
    }
    b->origins[b->count] = origin_bits(row->account, row->origin);
    b->rows[b->count++] = *row;
}

/* The same order of steps in the tables: what is new there must not exist. */
static int add_at_once(struct db *db, const struct late_row *row) {
    int err = row_write(db, row);
    if (!err && db_changes(db) == 0) err = ERR_EXISTS;
    return err || !row->origin ? err : origin_write(db, row);
}

int archive_index_add(struct db *db, const struct archive_owner *owner, int64_t origin, int64_t id) {
    struct late_row row = {.account = owner->account,
                           .sequence = owner->sequence,
                           .peer = archive_peer_hash(owner->peer),
                           .message = id,
                           .origin = origin,
                           .flags = owner->flags};
    struct archive_index *index = index_of(db);
    if (!index) return add_at_once(db, &row);
    uint32_t at = bucket_of(row.account);
    struct bucket *b = &index->buckets[at];
    bucket_touch(index, at);
    bucket_add(b, &row);
    index->late_rows++;
    atomic_store(&index->shared->late[at], b->count);
    return b->count - b->moved < BUCKET_ROWS_MAX ? 0 : bucket_settle(index, at);
}

/* The message; 0: none. */
static int64_t bucket_find_origin(const struct bucket *b, int64_t account, int64_t origin) {
    uint32_t bits = origin_bits(account, origin), alike = 0;
    for (uint32_t i = 0; i < b->count; i++) alike += b->origins[i] == bits;
    for (uint32_t i = 0; alike && i < b->count; i++)
        if (b->rows[i].origin == origin && b->rows[i].account == account) return b->rows[i].message;
    return 0;
}

int archive_index_find_origin(struct db *db, int64_t account, int64_t origin, int64_t *out_message) {
    struct archive_index *index = index_of(db);
    *out_message = index ? bucket_find_origin(&index->buckets[bucket_of(account)], account, origin) : 0;
    if (*out_message) return ERR_EXISTS;
    struct db_statement *s = db_prepare(db, "SELECT message FROM archive_origins WHERE account = ?1 AND origin = ?2");
    db_bind_int(s, 1, account);
    db_bind_int(s, 2, origin);
    int got = db_step(s);
    if (got == 1) *out_message = db_int(s, 0);
    db_finish(s);
    return got == 1 ? ERR_EXISTS : got;
}

/* --- reading --- */

static bool view_is_complete(const struct archive_index *index, int64_t account) {
    return atomic_load(&index->shared->late[bucket_of(account)]) == 0 &&
           atomic_load(&index->shared->epoch) == index->view_epoch;
}

/* Asks for the account's rows, then looks at the database anew. What came in since is not older than the question. */
static int reader_wait(struct archive_index *index, int64_t account) {
    int err = index->settle(index->settle_arg, account);
    if (err) return err;
    db_commit(index->db);
    return db_begin(index->db);
}

int archive_index_ready(struct db *db, int64_t account) {
    struct archive_index *index = index_of(db);
    if (!index) return 0;
    if (index->settle) return view_is_complete(index, account) ? 0 : reader_wait(index, account);
    return bucket_settle(index, bucket_of(account));
}

/* --- transactions --- */

static void view_began(struct db_companion *companion) {
    struct archive_index *index = (struct archive_index *)companion;
    index->view_epoch = atomic_load(&index->shared->epoch);
}

static void writer_began(struct db_companion *companion) {
    ((struct archive_index *)companion)->in_transaction = true;
}

static void nothing_ended(struct db_companion *companion, bool committed) {
    (void)companion;
    (void)committed;
}

static void bucket_reread_origins(struct bucket *b) {
    for (uint32_t i = 0; i < b->count; i++) b->origins[i] = origin_bits(b->rows[i].account, b->rows[i].origin);
}

static void bucket_free(struct bucket *b) {
    free(b->rows);
    free(b->origins);
    *b = (struct bucket){.touched = b->touched};
}

static void bucket_committed(struct archive_index *index, uint32_t at) {
    struct bucket *b = &index->buckets[at];
    if (b->moved) {
        memmove(b->rows, b->rows + b->moved, (b->count - b->moved) * sizeof *b->rows);
        b->count -= b->moved;
        b->moved = 0;
        bucket_reread_origins(b);
        if (b->cap > BUCKET_ROWS_MAX / 8 && b->count == 0) bucket_free(b); /* was a busy account's: give it back */
    }
    b->base = b->count;
}

/* Rows of this transaction are the last ones, unless they were sorted among others while being moved. */
static void bucket_rolled_back(struct archive_index *index, uint32_t at) {
    struct bucket *b = &index->buckets[at];
    uint32_t kept = 0;
    index->late_rows -= b->count - b->moved;
    for (uint32_t i = 0; i < b->count; i++)
        if (b->rows[i].message <= index->last_committed) b->rows[kept++] = b->rows[i];
    CHECK(kept == b->base);
    index->late_rows += kept;
    b->count = kept;
    b->moved = 0;
    bucket_reread_origins(b);
}

static void writer_ended(struct db_companion *companion, bool committed) {
    struct archive_index *index = (struct archive_index *)companion;
    index->in_transaction = false;
    if (committed) {
        index->last_committed = index->last_message;
        atomic_fetch_add(&index->shared->epoch, 1); /* before the counts go down: see view_is_complete */
    } else {
        index->last_message = index->last_committed;
        index->hand = 0; /* this sweep is void: rows are back behind the hand, and its mark may count what is gone */
        index->sweep_mark = 0;
    }
    for (uint32_t i = 0; i < index->touched_count; i++) {
        uint32_t at = index->touched[i];
        if (committed)
            bucket_committed(index, at);
        else
            bucket_rolled_back(index, at);
        index->buckets[at].touched = false;
        atomic_store(&index->shared->late[at], index->buckets[at].count);
    }
    index->touched_count = 0;
}

/* --- attaching --- */

static struct late_row row_read(struct db_statement *s, int column) {
    return (struct late_row){.account = db_int(s, column),
                             .sequence = db_int(s, column + 1),
                             .peer = archive_peer_hash(db_text(s, column + 2)),
                             .flags = (unsigned)db_int(s, column + 3),
                             .message = db_int(s, 0)};
}

static void row_recover(struct archive_index *index, struct late_row row, int64_t origin) {
    if (!row.account) return;
    row.origin = origin;
    bucket_add(&index->buckets[bucket_of(row.account)], &row);
    index->late_rows++;
}

/* Everything above the mark is late once more. */
static int rows_recover(struct archive_index *index) {
    struct db_statement *s =
        db_prepare(index->db,
                   "SELECT id, out_account, out_sequence, out_peer, out_flags, in_account, in_sequence, in_peer, "
                   "in_flags, origin FROM messages WHERE id > (SELECT message FROM archive_settled) ORDER BY id");
    int got;
    while ((got = db_step(s)) == 1) {
        struct late_row out = row_read(s, 1), in = row_read(s, 5);
        row_recover(index, out, db_int(s, 9));
        row_recover(index, in, out.account ? 0 : db_int(s, 9));
    }
    db_finish(s);
    return got;
}

static void buckets_recovered(struct archive_index *index) {
    for (uint32_t at = 0; at < ARCHIVE_BUCKETS; at++) {
        index->buckets[at].base = index->buckets[at].count;
        atomic_store(&index->shared->late[at], index->buckets[at].count);
    }
}

static int writer_recover(struct archive_index *index) {
    int64_t next = 0;
    int err = rows_recover(index);
    if (!err) err = next_id_from_tables(index->db, &next);
    if (err) return err;
    index->last_message = index->last_committed = index->sweep_mark = index->recovered = next - 1;
    buckets_recovered(index);
    return 0;
}

/* A crash may have left more than may be late. What cannot be written now (a full disk) stays late. */
static void writer_catch_up(struct archive_index *index) {
    int err = db_begin(index->db);
    if (err) return;
    if (archive_index_tidy(index->db))
        db_rollback(index->db);
    else
        db_commit(index->db);
}

static void index_free(struct archive_index *index) {
    for (uint32_t i = 0; index->buckets && i < ARCHIVE_BUCKETS; i++) bucket_free(&index->buckets[i]);
    free(index->buckets);
    free(index);
}

int archive_index_attach(struct db *db, struct archive_shared *shared, int (*settle)(void *arg, int64_t account),
                         void *arg) {
    struct archive_index *index = calloc(1, sizeof *index);
    CHECK(index && !db_companion(db));
    index->companion =
        settle ? (struct db_companion){view_began, nothing_ended} : (struct db_companion){writer_began, writer_ended};
    index->db = db;
    index->shared = shared;
    index->settle = settle;
    index->settle_arg = arg;
    if (!settle) {
        index->buckets = calloc(ARCHIVE_BUCKETS, sizeof *index->buckets);
        CHECK(index->buckets);
        int err = writer_recover(index);
        if (err) {
            index_free(index);
            return err;
        }
    }
    db_set_companion(db, &index->companion);
    if (!settle) writer_catch_up(index);
    return 0;
}

static int writer_finish(struct archive_index *index) {
    int err = db_begin(index->db);
    if (err) return err;
    for (uint32_t i = 0; !err && i < ARCHIVE_BUCKETS; i++) err = bucket_settle(index, i);
    if (!err) err = settled_write(index->db, index->last_message);
    if (!err) return db_commit(index->db);
    db_rollback(index->db);
    return err;
}

void archive_index_detach(struct db *db) {
    struct archive_index *index = db ? index_of(db) : NULL;
    if (!index) return;
    if (!index->settle) {
        int err = writer_finish(index);
        if (err) LOG(LOG_WARN, "archive_not_settled", F_ERR("as", err)); /* the next start does it */
    }
    db_set_companion(db, NULL);
    index_free(index);
}
