/*
 * archive_query.c: pages of an archive. A query walks one index range, and never more of it than the page asked for: by account and
 * sequence, or by account, peer and sequence, so that ten old messages with one contact are found among a million others. Ids are
 * ranges of one. What no index knows, the resource of the other side, is looked for in pieces (see `looked`).
 *
 * Reader threads, inside a job.
 */
#include "base/check.h"
#include "base/err.h"
#include "store/archive.h"
#include "store/archive_index.h"
#include "xml/parser.h"

/* Rows parsed in one piece, ten milliseconds of a reader; a long one counts as several. */
enum { LOOKED_MAX = 1000, LOOKED_BYTES = 1024 };

/* --- walking --- */

#define PEER_OF_ROW                                                                                                    \
    "CASE WHEN m.out_account = r.account AND m.out_sequence = r.sequence THEN m.out_peer ELSE m.in_peer END"
#define SELECT_ROWS                                                                                                    \
    "SELECT r.sequence, r.flags, " PEER_OF_ROW ", m.stanza "                                                           \
    "FROM archive_rows r CROSS JOIN messages m WHERE m.id = r.message AND r.account = ?1 AND r.flags & ?4 = ?5 "
#define OF_ALL "AND sequence >= ?2 AND sequence <= ?3 "
/* Not peer = ?6 and the range: SQLite would rather walk the range of all peers than the index by peer. */
#define OF_PEER "AND (peer, sequence) >= (?6, ?2) AND (peer, sequence) <= (?6, ?3) "
enum { SEQUENCE, FLAGS, PEER, STANZA };

static const char *const walks[2][2] = {
    /* [with a peer][backwards] */
    {SELECT_ROWS OF_ALL "ORDER BY r.sequence", SELECT_ROWS OF_ALL "ORDER BY r.sequence DESC"},
    {SELECT_ROWS OF_PEER "ORDER BY r.peer, r.sequence", SELECT_ROWS OF_PEER "ORDER BY r.peer DESC, r.sequence DESC"},
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

void archive_range(const struct archive_query *q, int64_t *out_first, int64_t *out_last) {
    struct range r = range_of(q);
    *out_first = r.lo;
    *out_last = r.hi;
}

/* A walk over the rows of a query, in its direction. */
struct walk {
    struct db *db;
    struct db_statement *s; /* over one stretch of the range; NULL: between two */
    const struct archive_query *query;
    struct range range;
    uint32_t begun;      /* stretches */
    uint32_t looked_at;  /* rows, for with_resource */
    bool paused;         /* query->looked says where */
    struct arena *arena; /* for with_resource */
};

static void bind_query(struct db_statement *s, const struct archive_query *q, struct range range) {
    db_bind_int(s, 1, q->account);
    db_bind_int(s, 2, range.lo);
    db_bind_int(s, 3, range.hi);
    db_bind_int(s, 4, q->offline ? ARCHIVE_OFFLINE : ARCHIVE_HIDDEN);
    db_bind_int(s, 5, q->offline ? ARCHIVE_OFFLINE : 0);
    if (q->with.p) db_bind_int(s, 6, archive_peer_hash(q->with));
}

static void walk_begin(struct walk *w, struct db *db, const struct archive_query *q) {
    *w = (struct walk){.db = db, .query = q, .range = range_of(q)};
    if (q->looked) *q->looked = 0;
}

/* The next stretch: the whole range, or that of the next id. False: there is none. */
static bool walk_stretch(struct walk *w) {
    const struct archive_query *q = w->query;
    if (w->begun == (q->ids ? q->ids_count : 1)) return false;
    uint32_t at = w->begun++;
    struct range stretch = w->range;
    if (q->ids) {
        int64_t id = q->ids[q->backwards ? q->ids_count - 1 - at : at];
        if (id > stretch.lo) stretch.lo = id;
        if (id < stretch.hi) stretch.hi = id;
    }
    w->s = db_prepare(w->db, walks[q->with.p != NULL][q->backwards]);
    bind_query(w->s, q, stretch);
    return true;
}

/* The address as it stands in the stanza. One's own is there too: it matches in messages to oneself only, because the peer did already. */
static bool resource_matches(struct walk *w) {
    if (!w->arena) w->arena = arena_new();
    struct arena_mark mark = arena_mark(w->arena);
    const struct xml_node *el = xml_parse_own(w->arena, db_blob(w->s, STANZA));
    bool matches = el && (str_eq(xml_attr(el, STR("to")), w->query->with_resource) ||
                          str_eq(xml_attr(el, STR("from")), w->query->with_resource));
    arena_release(w->arena, mark);
    return matches;
}

static bool row_matches(struct walk *w) {
    const struct archive_query *q = w->query;
    if (q->with.p && !str_eq(db_text(w->s, PEER), q->with)) return false; /* same hash, other address */
    return !q->with_resource.p || resource_matches(w);
}

static void walk_finish(struct walk *w) {
    if (w->s) db_finish(w->s);
    w->s = NULL;
}

/* It has looked at enough rows for now. */
static bool walk_pauses(struct walk *w) {
    const struct archive_query *q = w->query;
    if (!q->looked || !q->with_resource.p) return false;
    w->looked_at += 1 + (uint32_t)(db_blob(w->s, STANZA).len / LOOKED_BYTES);
    if (w->looked_at < LOOKED_MAX) return false;
    *q->looked = db_int(w->s, SEQUENCE);
    return w->paused = true;
}

/* To the next row that matches: 1, 0 at the end (or a pause), or an error. */
static int walk_next(struct walk *w) {
    for (;;) {
        if (w->paused || (!w->s && !walk_stretch(w))) return 0;
        int got = db_step(w->s);
        if (got < 0) return got;
        if (got == 0)
            walk_finish(w);
        else if (row_matches(w))
            return 1;
        else if (walk_pauses(w))
            return 0;
    }
}

static struct archive_row row_at(struct db_statement *s) {
    return (struct archive_row){.sequence = db_int(s, SEQUENCE),
                                .flags = (unsigned)db_int(s, FLAGS),
                                .peer = db_text(s, PEER),
                                .stanza = db_blob(s, STANZA)};
}

static void walk_end(struct walk *w) {
    walk_finish(w);
    arena_free(&w->arena);
}

/* --- queries --- */

int archive_query(struct db *db, const struct archive_query *query,
                  bool (*each)(void *arg, const struct archive_row *row), void *arg, bool *out_complete) {
    int err = archive_index_ready(db, query->account);
    if (err) return err;
    struct walk w;
    walk_begin(&w, db, query);
    int got = 1;
    bool stopped = false;
    for (uint32_t n = 0; n < query->max && !stopped && (got = walk_next(&w)) == 1; n++) {
        struct archive_row row = row_at(w.s);
        stopped = !each(arg, &row);
    }
    if (got == 1) got = walk_next(&w); /* is there one more? */
    walk_end(&w);
    if (got < 0) return got;
    *out_complete = got == 0 && !w.paused;
    return 0;
}

#define COUNT_ROWS "SELECT count(*) FROM (SELECT 1 FROM archive_rows WHERE account = ?1 AND flags & ?4 = ?5 "

/* By the index alone, without the messages: an address with the same hash would be counted in. */
static int count_range(struct db *db, const struct archive_query *q, uint32_t limit, uint32_t *out) {
    static const char *const counts[2] = {COUNT_ROWS OF_ALL "LIMIT ?6) AS some",
                                          COUNT_ROWS OF_PEER "LIMIT ?7) AS some"};
    struct db_statement *s = db_prepare(db, counts[q->with.p != NULL]);
    bind_query(s, q, range_of(q));
    db_bind_int(s, q->with.p ? 7 : 6, limit);
    int got = db_step(s);
    if (got == 1) *out = (uint32_t)db_int(s, 0);
    db_finish(s);
    return got == 1 ? 0 : got < 0 ? got : ERR_STORE;
}

int archive_count(struct db *db, const struct archive_query *query, uint32_t limit, uint32_t *out) {
    int err = archive_index_ready(db, query->account);
    if (err) return err;
    if (!query->ids && !query->with_resource.p) return count_range(db, query, limit, out);
    struct walk w;
    walk_begin(&w, db, query);
    uint32_t n = 0;
    int got = 0;
    while (n < limit && (got = walk_next(&w)) == 1) n++;
    walk_end(&w);
    if (got < 0) return got;
    *out = n;
    return 0;
}

int archive_has(struct db *db, int64_t account, int64_t sequence) {
    int err = archive_index_ready(db, account);
    if (err) return err;
    struct db_statement *s =
        db_prepare(db, "SELECT 1 FROM archive_rows WHERE account = ?1 AND sequence = ?2 AND flags & 4 = 0");
    db_bind_int(s, 1, account);
    db_bind_int(s, 2, sequence);
    int got = db_step(s);
    db_finish(s);
    return got == 1 ? 0 : got == 0 ? ERR_NOT_FOUND : got;
}

int archive_owed_again_each(struct db *db, int64_t account, bool (*each)(void *arg, const struct archive_row *row),
                            void *arg) {
    int err = archive_index_ready(db, account);
    if (err) return err;
    struct db_statement *s =
        db_prepare(db,
                   "SELECT r.sequence, r.flags, " PEER_OF_ROW
                   ", m.stanza FROM owed_again o CROSS JOIN archive_rows r CROSS JOIN messages m WHERE o.account = ?1 "
                   "AND r.account = o.account AND r.sequence = o.sequence AND m.id = r.message ORDER BY o.sequence");
    db_bind_int(s, 1, account);
    int got;
    bool more = true;
    while (more && (got = db_step(s)) == 1) {
        struct archive_row row = row_at(s);
        more = each(arg, &row);
    }
    db_finish(s);
    return more && got < 0 ? got : 0;
}
