/*
 * archive.c: messages that are kept, and pages of them in their owner's order. A message is one row with both owners (truth);
 * each owner's order is a small row of its own that archive_index.c brings up to date before it is read here.
 *
 * Queries walk one index range and never more than the page asked for: by account and sequence, or by account, peer and
 * sequence, so that ten old messages with one contact are found among a million others. A page from the end
 * is walked twice: backwards to find where it begins, then forwards, so that rows leave one by one and oldest first.
 *
 * Worker threads, inside a job; what changes something is part of the caller's transaction.
 */
#include "store/archive.h"

#include "base/check.h"
#include "base/err.h"
#include "store/archive_index.h"
#include "xml/parser.h"

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

/*
 * Origins are kept by the sender; by the recipient only where the sender keeps nothing (or is the same). Those are another kind: what
 * a contact sends must not collide with what one has sent to them.
 */
static int64_t origin_key(const struct archive_entry *entry) {
    if (!entry->origin || entry->out.account) return (int64_t)entry->origin;
    uint64_t other = entry->origin ^ UINT64_C(0x5555555555555555);
    return (int64_t)(other ? other : 1);
}

int archive_add(struct db *db, const struct archive_entry *entry) {
    const struct archive_owner *out = &entry->out, *in = &entry->in;
    CHECK(out->account || in->account);
    int64_t id, origin = origin_key(entry);
    int err = origin ? archive_index_find_origin(db, out->account ? out->account : in->account, origin) : 0;
    if (!err) err = archive_index_next_id(db, &id);
    if (!err) err = message_add(db, entry, origin, id);
    if (!err && out->account) err = archive_index_add(db, out, origin, id);
    if (!err && in->account) err = archive_index_add(db, in, out->account ? 0 : origin, id);
    return err;
}

/* --- walking --- */

#define PEER_OF_ROW                                                                                                    \
    "CASE WHEN m.out_account = r.account AND m.out_sequence = r.sequence THEN m.out_peer ELSE m.in_peer END"
#define SELECT_ROWS                                                                                                    \
    "SELECT r.sequence, r.flags, " PEER_OF_ROW ", m.stanza "                                                           \
    "FROM archive_rows r CROSS JOIN messages m WHERE m.id = r.message AND r.account = ?1 "                             \
    "AND r.sequence >= ?2 AND r.sequence <= ?3 AND r.flags & ?4 = ?5 "
enum { SEQUENCE, FLAGS, PEER, STANZA };

static const char *const walks[2][2] = {
    /* [with a peer][backwards] */
    {SELECT_ROWS "ORDER BY r.sequence", SELECT_ROWS "ORDER BY r.sequence DESC"},
    {SELECT_ROWS "AND r.peer = ?6 ORDER BY r.sequence", SELECT_ROWS "AND r.peer = ?6 ORDER BY r.sequence DESC"},
};

/* Sequences lo..hi, both inclusive. */
struct range {
    int64_t lo, hi;
};

static struct range range_of(const struct archive_query *q) {
    struct range r = {q->from ? q->from : INT64_MIN, q->to ? q->to : INT64_MAX};
    if (q->after && q->after >= r.lo) r.lo = q->after + 1;
    if (q->before && q->before <= r.hi) r.hi = q->before - 1;
    return r;
}

/* A walk over the rows of a query. */
struct walk {
    struct db_statement *s;
    const struct archive_query *query;
    struct arena *arena; /* for with_resource */
};

static void walk_begin(struct walk *w, struct db *db, const struct archive_query *q, struct range range,
                       bool backwards) {
    bool one_peer = q->with.p != NULL;
    struct db_statement *s = db_prepare(db, walks[one_peer][backwards]);
    db_bind_int(s, 1, q->account);
    db_bind_int(s, 2, range.lo);
    db_bind_int(s, 3, range.hi);
    db_bind_int(s, 4, q->offline ? ARCHIVE_OFFLINE : ARCHIVE_HIDDEN);
    db_bind_int(s, 5, q->offline ? ARCHIVE_OFFLINE : 0);
    if (one_peer) db_bind_int(s, 6, archive_peer_hash(q->with));
    w->s = s;
    w->query = q;
}

/* The address of the other side as it stands in the stanza. */
static bool resource_matches(struct walk *w) {
    static const struct xml_limits limits = {
        .bytes_max = UINT32_MAX, .depth_max = 1000, .attrs_max = 1000, .children_max = UINT32_MAX};
    static const struct xml_scope scope = {0};
    if (!w->arena) w->arena = arena_new();
    struct arena_mark mark = arena_mark(w->arena);
    struct xml_node *el;
    bool out = db_int(w->s, FLAGS) & ARCHIVE_OUT;
    bool matches = xml_parse(w->arena, db_blob(w->s, STANZA), &scope, &limits, &el) == XML_OK &&
                   str_eq(xml_attr(el, out ? STR("to") : STR("from")), w->query->with_resource);
    arena_release(w->arena, mark);
    return matches;
}

/* To the next row that matches: 1, 0 at the end, or an error. */
static int walk_next(struct walk *w) {
    int got;
    while ((got = db_step(w->s)) == 1) {
        if (w->query->with.p && !str_eq(db_text(w->s, PEER), w->query->with)) continue; /* same hash, other address */
        if (w->query->with_resource.p && !resource_matches(w)) continue;
        break;
    }
    return got;
}

static struct archive_row walk_row(const struct walk *w) {
    return (struct archive_row){.sequence = db_int(w->s, SEQUENCE),
                                .flags = (unsigned)db_int(w->s, FLAGS),
                                .peer = db_text(w->s, PEER),
                                .stanza = db_blob(w->s, STANZA)};
}

static void walk_end(struct walk *w) {
    db_finish(w->s);
    arena_free(&w->arena);
}

/* --- queries --- */

/* Where the page of the last `max` begins: raises range->lo. *out_complete: nothing lies before it. */
static int page_find(struct db *db, const struct archive_query *q, struct range *range, bool *out_complete) {
    struct walk w = {0};
    walk_begin(&w, db, q, *range, true);
    int64_t first = INT64_MAX;
    uint32_t n = 0;
    int got = 0;
    while (n < q->max && (got = walk_next(&w)) == 1) {
        first = db_int(w.s, SEQUENCE);
        n++;
    }
    if (n == q->max) got = walk_next(&w); /* is there one more? */
    walk_end(&w);
    if (got < 0) return got;
    *out_complete = got == 0;
    range->lo = first;
    return 0;
}

static int page_deliver(struct db *db, const struct archive_query *q, struct range range,
                        bool (*each)(void *arg, const struct archive_row *row), void *arg, bool *out_complete) {
    struct walk w = {0};
    walk_begin(&w, db, q, range, false);
    int got = 1;
    bool stopped = false;
    for (uint32_t n = 0; n < q->max && !stopped && (got = walk_next(&w)) == 1; n++) {
        struct archive_row row = walk_row(&w);
        stopped = !each(arg, &row);
    }
    if (got == 1 && !stopped) got = walk_next(&w);
    walk_end(&w);
    if (got < 0) return got;
    *out_complete = got == 0;
    return 0;
}

int archive_query(struct db *db, const struct archive_query *query,
                  bool (*each)(void *arg, const struct archive_row *row), void *arg, bool *out_complete) {
    int err = archive_index_ready(db, query->account);
    if (err) return err;
    struct range range = range_of(query);
    bool complete = true, delivered = true;
    if (query->backwards) err = page_find(db, query, &range, &complete);
    if (!err) err = page_deliver(db, query, range, each, arg, &delivered);
    if (err) return err;
    *out_complete = complete && delivered;
    return 0;
}

int archive_count(struct db *db, const struct archive_query *query, uint32_t limit, uint32_t *out) {
    int err = archive_index_ready(db, query->account);
    if (err) return err;
    struct walk w = {0};
    walk_begin(&w, db, query, range_of(query), false);
    uint32_t n = 0;
    int got = 0;
    while (n < limit && (got = walk_next(&w)) == 1) n++;
    walk_end(&w);
    if (got < 0) return got;
    *out = n;
    return 0;
}

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

int archive_has(struct db *db, int64_t account, int64_t sequence) {
    int err = archive_index_ready(db, account);
    if (err) return err;
    struct db_statement *s =
        db_prepare(db, "SELECT 1 FROM archive_rows WHERE account = ?1 AND sequence = ?2 AND flags & 4 = 0");
    db_bind_int(s, 1, account);
    db_bind_int(s, 2, sequence);
    int64_t unused;
    return one_int(s, &unused);
}

int archive_last(struct db *db, int64_t account, int64_t *out) {
    int err = archive_index_ready(db, account);
    if (err) return err;
    struct db_statement *s = db_prepare(
        db,
        "SELECT max(sequence) FROM (SELECT coalesce(max(sequence), 0) AS sequence FROM archive_rows WHERE account = ?1 "
        "UNION ALL SELECT offline_mark FROM accounts WHERE id = ?1) AS known");
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

int archive_owed_again_each(struct db *db, int64_t account, bool (*each)(void *arg, const struct archive_row *row),
                            void *arg) {
    int err = archive_index_ready(db, account);
    if (err) return err;
    struct walk w = {0};
    w.s =
        db_prepare(db,
                   "SELECT r.sequence, r.flags, " PEER_OF_ROW
                   ", m.stanza FROM owed_again o CROSS JOIN archive_rows r CROSS JOIN messages m WHERE o.account = ?1 "
                   "AND r.account = o.account AND r.sequence = o.sequence AND m.id = r.message ORDER BY o.sequence");
    db_bind_int(w.s, 1, account);
    int got;
    bool more = true;
    while (more && (got = db_step(w.s)) == 1) {
        struct archive_row row = walk_row(&w);
        more = each(arg, &row);
    }
    walk_end(&w);
    return more && got < 0 ? got : 0;
}

/* --- letting go --- */

/* Messages of rows that go lose this owner; those without any go. `which` chooses rows by ?1 account, ?2 sequence. */
#define MESSAGES_OF(which) "(SELECT message FROM archive_rows WHERE account = ?1 AND " which ")"
#define LET_GO(which)                                                                                                  \
    {                                                                                                                  \
        "UPDATE messages SET out_account = 0, origin = 0 WHERE out_account = ?1 AND id IN " MESSAGES_OF(which),        \
            "UPDATE messages SET in_account = 0 WHERE in_account = ?1 AND id IN " MESSAGES_OF(which),                  \
            "DELETE FROM messages WHERE out_account = 0 AND in_account = 0 AND id IN " MESSAGES_OF(which),             \
            "DELETE FROM archive_rows WHERE account = ?1 AND " which,                                                  \
    }
#define LET_GO_STEPS 4

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

int archive_drop_hidden(struct db *db, int64_t account, int64_t mark) {
    static const char *const steps[LET_GO_STEPS] = LET_GO(
        "sequence <= ?2 AND flags & 4 <> 0 AND sequence NOT IN (SELECT sequence FROM owed_again WHERE account = ?1)");
    return let_go(db, steps, account, mark);
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
