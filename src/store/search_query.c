/*
 * search_query.c: a search, from the newest shelf to the oldest or the other way round. The index says where to look; each place is then read from the
 * archive through archive_query, which knows what may be seen, and its words are compared: what the index remembers wrongly is not found.
 *
 * What is not indexed yet is a few messages as a rule, of everybody: their ids are gone through. When it is many (the index is being made, or
 * cannot be), the rows of this archive are, a thousand in one call, without the index.
 *
 * Reader threads, inside a job.
 */
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/err.h"
#include "store/archive_index.h"
#include "store/search.h"
#include "store/search_index.h"
#include "store/search_state.h"
#include "store/search_text.h"

enum {
    TAIL_MAX = 10000,          /* messages that are not indexed, above which a search does without the index */
    CHUNK = 64,                /* places looked at in the archive at once */
    ROWS_MAX = 1000,           /* of one call without the index */
    CALL_NS = 8 * 1000 * 1000, /* CPU of one call */
    VIEW_CACHE_KIB = 1024
};

/* --- views of the index --- */

struct view {
    struct db *db; /* inside a transaction; NULL: there is no index */
    unsigned epoch;
    int64_t pages; /* fetched before */
};

static void view_take(struct search *s, struct view *out) {
    *out = (struct view){NULL, 0, 0};
    pthread_mutex_lock(&s->lock);
    out->epoch = s->epoch;
    for (size_t i = 0; out->epoch && !out->db && i < SEARCH_VIEWS; i++) {
        out->db = s->views[i];
        s->views[i] = NULL;
    }
    pthread_mutex_unlock(&s->lock);
    if (!out->epoch) return;
    struct db_options options = {
        .path = s->index_path, .vfs = s->vfs, .read_only = true, .cache_kib = VIEW_CACHE_KIB, .disposable = true};
    if (!out->db && db_open(&options, &out->db)) return;
    out->pages = db_pages_fetched(out->db);
    if (db_begin(out->db)) db_close(&out->db);
}

static void view_give(struct search *s, struct view *v) {
    if (!v->db) return;
    db_commit(v->db);
    atomic_fetch_add_explicit(&s->pages, (uint64_t)(db_pages_fetched(v->db) - v->pages), memory_order_relaxed);
    bool is_corrupt = db_is_corrupt(v->db);
    if (is_corrupt) search_rebuild(s);
    pthread_mutex_lock(&s->lock);
    if (is_corrupt && v->epoch == s->epoch) s->epoch = 0; /* nobody else trips over it */
    for (size_t i = 0; v->db && v->epoch == s->epoch && i < SEARCH_VIEWS; i++) {
        if (s->views[i]) continue;
        s->views[i] = v->db;
        v->db = NULL;
    }
    pthread_mutex_unlock(&s->lock);
    db_close(&v->db);
}

/* --- the hunt --- */

struct hunt {
    struct db *db;
    struct view view;
    const struct archive_query *query;
    const struct terms *wanted;
    bool (*each)(void *arg, const struct archive_row *row);
    void *arg;
    struct arena *arena;
    int64_t first, last; /* of the query's range */
    int64_t mark;        /* what is behind it is not indexed */
    int64_t *tail;       /* places of what is not indexed, rising */
    uint32_t tail_count;
    uint32_t found, looked; /* rows */
    int64_t seen;           /* the last row looked at */
    bool more;              /* one beyond the page was found, or the taker has enough */
    int64_t began_ns;
};

static int64_t cpu_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static bool hunt_is_long(const struct hunt *h) {
    return h->looked >= ROWS_MAX || cpu_ns() - h->began_ns >= CALL_NS;
}

static bool row_matches(struct hunt *h, const struct archive_row *row) {
    struct arena_mark mark = arena_mark(h->arena);
    struct terms text = search_text(h->arena, row->stanza);
    bool matches = terms_match(&text, h->wanted);
    arena_release(h->arena, mark);
    return matches;
}

static bool row_take(void *arg, const struct archive_row *row) {
    struct hunt *h = arg;
    h->looked++;
    h->seen = row->sequence;
    if (!row_matches(h, row)) return true;
    h->more = h->found == h->query->max || !h->each(h->arg, row);
    h->found++;
    return !h->more;
}

/* --- without the index --- */

static int hunt_rows(struct hunt *h, bool *out_complete) {
    struct archive_query rows = *h->query;
    int64_t looked = 0;
    rows.max = ROWS_MAX;
    rows.looked = &looked;
    int err = archive_query(h->db, &rows, row_take, h, out_complete);
    if (err) return err;
    if (h->more) *out_complete = false;
    if (!h->more && !*out_complete) *h->query->looked = looked ? looked : h->seen;
    return 0;
}

/* --- with it --- */

static int order(const void *left, const void *right) {
    const int64_t *a = left, *b = right;
    return (*a > *b) - (*a < *b);
}

/* Room for one more is there. */
static void tail_add(struct hunt *h, int64_t account, int64_t sequence) {
    if (account == h->query->account && sequence >= h->first && sequence <= h->last)
        h->tail[h->tail_count++] = sequence;
}

static int tail_read(struct hunt *h) {
    struct db_statement *s = db_prepare(
        h->db, "SELECT out_account, out_sequence, in_account, in_sequence FROM messages WHERE id > ?1 LIMIT ?2");
    int got;
    h->tail = arena_alloc(h->arena, 2 * TAIL_MAX * sizeof *h->tail);
    db_bind_int(s, 1, h->mark);
    db_bind_int(s, 2, TAIL_MAX);
    while ((got = db_step(s)) == 1) {
        tail_add(h, db_int(s, 0), db_int(s, 1));
        tail_add(h, db_int(s, 2), db_int(s, 3));
    }
    db_finish(s);
    qsort(h->tail, h->tail_count, sizeof *h->tail, order);
    return got;
}

/* Whether the index is of use: it is there, and little is behind it. Else the hunt goes without. */
static bool hunt_has_index(struct hunt *h) {
    struct search_state state;
    if (!h->view.db || search_state_read(h->view.db, &state)) return false;
    struct db_statement *s = db_prepare(h->db, "SELECT max(id) FROM messages");
    int64_t last = db_step(s) == 1 ? db_int(s, 0) : INT64_MAX;
    db_finish(s);
    h->mark = state.mark;
    return last - state.mark <= TAIL_MAX;
}

/* What the index is asked for: all of the search, or what is rare in it; the messages are compared with all of it. */
struct lead {
    struct terms terms; /* none: any */
    int64_t peer;       /* 0: any */
};

/* A walk over one shelf: what the index has there, and what of the tail belongs there. */
struct shelf_walk {
    struct db_statement *s;
    int64_t first, last;
    bool backwards;
    int64_t next;  /* of the index */
    int got;       /* 1: there is one; 0; or an error */
    uint32_t tail; /* the next one, forwards; one behind it, backwards */
};

static void walk_step(struct shelf_walk *w) {
    w->got = db_step(w->s);
    if (w->got == 1) w->next = db_int(w->s, 0);
}

static void walk_begin(struct hunt *h, struct shelf_walk *w, const struct search_shelf *shelf,
                       const struct lead *lead) {
    static const char *const walks[2] = {
        "SELECT rowid FROM entries WHERE entries MATCH ?1 AND rowid >= ?2 AND rowid <= ?3 ORDER BY rowid",
        "SELECT rowid FROM entries WHERE entries MATCH ?1 AND rowid >= ?2 AND rowid <= ?3 ORDER BY rowid DESC",
    };
    const struct archive_query *q = h->query;
    *w = (struct shelf_walk){.backwards = q->backwards};
    w->first = shelf->first > h->first ? shelf->first : h->first;
    w->last = shelf->last < h->last ? shelf->last : h->last;
    w->s = db_prepare(h->view.db, walks[q->backwards]);
    db_bind_text(w->s, 1,
                 search_expression(db_scratch(h->view.db), q->account, shelf->number, lead->peer, &lead->terms));
    db_bind_int(w->s, 2, w->first);
    db_bind_int(w->s, 3, w->last);
    walk_step(w);
    while (w->tail < h->tail_count && (q->backwards ? h->tail[w->tail] <= w->last : h->tail[w->tail] < w->first))
        w->tail++;
}

/* The next of the tail; false: none on this shelf. */
static bool walk_tail(const struct hunt *h, const struct shelf_walk *w, int64_t *out) {
    if (w->backwards ? w->tail == 0 : w->tail == h->tail_count) return false;
    *out = h->tail[w->backwards ? w->tail - 1 : w->tail];
    return w->backwards ? *out >= w->first : *out <= w->last;
}

static bool walk_next(const struct hunt *h, struct shelf_walk *w, int64_t *out) {
    int64_t late;
    bool has_late = walk_tail(h, w, &late);
    if (w->got == 1 && (!has_late || (w->backwards ? w->next >= late : w->next <= late))) {
        *out = w->next;
        walk_step(w);
        return true;
    }
    if (!has_late) return false;
    *out = late;
    w->tail += w->backwards ? UINT32_MAX : 1;
    return true;
}

/* Looks at these places, which are in the walk's order. */
static int places_look(struct hunt *h, int64_t *places, uint32_t count) {
    struct archive_query rows = *h->query;
    bool complete;
    qsort(places, count, sizeof *places, order);
    rows.ids = places;
    rows.ids_count = count;
    rows.max = count;
    rows.looked = NULL;
    uint32_t before = h->looked;
    int err = archive_query(h->db, &rows, row_take, h, &complete);
    h->looked = before + count; /* what is not there any more costs as much */
    return err;
}

/* *out_paused: the call has done enough, and looked says where. */
static int shelf_look(struct hunt *h, const struct search_shelf *shelf, const struct lead *lead, bool *out_paused) {
    int64_t places[CHUNK], last = 0;
    struct shelf_walk w;
    int err = 0;
    walk_begin(h, &w, shelf, lead);
    for (bool any = true; !err && any && !h->more && !*out_paused;) {
        uint32_t count = 0, wanted = h->query->max + 1 - h->found;
        while (count < CHUNK && count < wanted && (any = walk_next(h, &w, &last))) places[count++] = last;
        if (count) err = places_look(h, places, count);
        *out_paused = any && !h->more && hunt_is_long(h);
    }
    if (!err && w.got < 0) err = w.got;
    db_finish(w.s);
    if (*out_paused) *h->query->looked = last;
    return err;
}

/* How much the shelf has of that, CHUNK + 1 at most; or an error. */
static int shelf_count(struct hunt *h, const struct search_shelf *shelf, const struct lead *lead) {
    struct db *db = h->view.db;
    struct db_statement *s = db_prepare(db, "SELECT rowid FROM entries WHERE entries MATCH ?1 LIMIT ?2");
    int got, count = 0;
    db_bind_text(s, 1, search_expression(db_scratch(db), h->query->account, shelf->number, lead->peer, &lead->terms));
    db_bind_int(s, 2, CHUNK + 1);
    while ((got = db_step(s)) == 1) count++;
    db_finish(s);
    return got < 0 ? got : count;
}

/* The longest word is likely the rarest. */
static struct terms rarest(const struct terms *wanted) {
    uint32_t longest = 0;
    for (uint32_t i = 1; i < wanted->count; i++)
        if (wanted->list[i].len > wanted->list[longest].len) longest = i;
    return (struct terms){wanted->list + longest, 1};
}

/*
 * What to ask the shelf for. FTS5 gathers all that each term of a search begins before it compares any, and where two meet it goes through the longer
 * one entry by entry. So what is rare is asked for by itself: most shelves have none of it, and of a few it is cheaper to read the messages. 1; 0:
 * there is nothing on it; or an error.
 */
static int shelf_lead(struct hunt *h, const struct search_shelf *shelf, struct lead *out) {
    struct lead peer = {.peer = out->peer}, rare = {.terms = rarest(h->wanted)};
    int count = peer.peer ? shelf_count(h, shelf, &peer) : CHUNK + 1;
    if (count <= CHUNK) {
        *out = peer;
    } else if (h->wanted->count > 1) {
        count = shelf_count(h, shelf, &rare);
        if (count <= CHUNK) *out = rare;
    }
    return count > 0 ? 1 : count;
}

/* Nothing of the tail lies on it. */
static bool shelf_is_indexed(const struct hunt *h, const struct search_shelf *shelf) {
    for (uint32_t i = 0; i < h->tail_count; i++)
        if (h->tail[i] >= shelf->first && h->tail[i] <= shelf->last) return false;
    return true;
}

static int hunt_shelves(struct hunt *h, bool *out_complete) {
    struct search_shelf *shelves;
    uint32_t count;
    bool paused = false, backwards = h->query->backwards;
    int err = tail_read(h);
    if (!err) err = search_shelves(h->view.db, h->arena, h->query->account, &shelves, &count);
    for (uint32_t i = 0; !err && i < count && !h->more && !paused; i++) {
        const struct search_shelf *shelf = &shelves[backwards ? count - 1 - i : i];
        if (shelf->first > h->last || shelf->last < h->first) continue;
        struct lead lead = {*h->wanted, h->query->with.p ? archive_peer_hash(h->query->with) : 0};
        int may = shelf_is_indexed(h, shelf) ? shelf_lead(h, shelf, &lead) : 1;
        err = may < 0 ? may : may ? shelf_look(h, shelf, &lead, &paused) : 0;
        if (err || paused || h->more || i + 1 == count || !hunt_is_long(h)) continue;
        paused = true;
        *h->query->looked = backwards ? shelf->first : shelf->last;
    }
    *out_complete = !h->more && !paused;
    return err;
}

int search_query(struct search *search, struct db *db, const struct archive_query *query, const struct terms *terms,
                 bool (*each)(void *arg, const struct archive_row *row), void *arg, bool *out_complete) {
    CHECK(query->looked && terms->count);
    *query->looked = 0;
    int err = archive_index_ready(db, query->account);
    if (err) return err;
    struct hunt h = {.db = db, .query = query, .wanted = terms, .each = each, .arg = arg, .began_ns = cpu_ns()};
    h.arena = arena_new();
    archive_range(query, &h.first, &h.last);
    if (!query->ids) view_take(search, &h.view);
    bool has_index = hunt_has_index(&h);
    if (has_index) err = hunt_shelves(&h, out_complete);
    if (!has_index || (err && h.found == 0)) err = hunt_rows(&h, out_complete);
    view_give(search, &h.view);
    arena_free(&h.arena);
    return err;
}
