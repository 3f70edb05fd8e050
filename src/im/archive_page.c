/*
 * archive_page.c: see archive_page.h. On the home of who asks. A query of one's own archive waits for all that its account has in flight, so that no
 * page can miss what is about to appear before its end; it holds up nothing itself. A page is read by a worker and written as the socket
 * drains, the <fin/> last.
 */
#include "im/archive_page.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/codec.h"
#include "base/err.h"
#include "im/archive.h"
#include "im/archive_request.h"
#include "im/deliver.h"
#include "im/handover.h"
#include "im/iq.h"
#include "im/retention.h"
#include "im/session.h"
#include "store/archive.h"
#include "store/search.h"
#include "xmpp/ns.h"
#include "xmpp/rsm.h"

/* A query from its request to its <fin/>. It is at any time in one of three places: the account's pending list, the store, the stream's drains. */
struct mam_query {
    struct store_job job;
    struct pending pending;
    struct stream_drain drain;
    struct account *account; /* of who asks; a job of it: stays */
    struct archive_place place;
    struct iq_later *later;
    struct arena *arena; /* of the request */
    struct archive_request request;
    struct archive_query query; /* what is left of it */
    int64_t gone;               /* what is there or before has left the archive */
    int64_t looked;             /* the reader paused there; 0: it is done */
    struct search *search;      /* NULL: it is not for words */
    uint32_t pieces;            /* of a search, so far */
    bool counts, metadata;      /* is about no messages but their number; their first and last */
    struct buf rows;            /* struct row, in the order in which they were read */
    struct buf bytes;           /* theirs, one behind the other */
    uint32_t written;           /* rows */
    int64_t count;              /* -1: not counted */
    bool complete;
};

enum {
    PAGE_BYTES = 1 << 20,
    QUERIES_SPARE = 2,
    QUERIES_EACH = 2 /* of an account, for each of its sessions */,
    QUERY_COST = 5,
    PIECES_MAX = 100 /* of a search: about a second of a reader, on behalf of all the others in turn */
};
enum { COUNT_MAX = 10000 }; /* more are not counted: the work of a request is bounded */

struct row {
    int64_t sequence;
    uint32_t at, len;
};

static uint32_t rows_count(const struct mam_query *q) {
    return (uint32_t)(buf_len(&q->rows) / sizeof(struct row));
}

/* In the order of the archive. */
static struct row row_at(const struct mam_query *q, uint32_t i) {
    struct row row;
    uint32_t place = q->query.backwards ? rows_count(q) - 1 - i : i;
    memcpy(&row, buf_str(&q->rows).p + place * sizeof row, sizeof row);
    return row;
}

static void mam_free(struct turn *turn, struct mam_query *q) {
    struct account *account = q->account;
    account->queries--;
    buf_free(&q->rows);
    buf_free(&q->bytes);
    arena_free(&q->arena);
    free(q);
    account_job_end(turn, account);
}

/* --- writing the page --- */

/* In a room's archive: whose nick it was. */
static bool says_who(const struct xml_node *child, const void *arg) {
    (void)arg;
    return str_eq(child->ns, NS_MUC_USER);
}

static void mam_write_row(struct turn *turn, struct session *s, const struct mam_query *q, int64_t sequence,
                          struct str stanza) {
    struct arena *arena = turn->arena;
    struct xml_node *el = xml_parse_own(arena, stanza);
    if (!el) return;
    struct xml_node *message = xml_new(arena, NS_CLIENT, STR("message"));
    xml_set(arena, message, STR("from"), q->place.bare);
    struct xml_node *result = xml_add(arena, message, NS_MAM, STR("result"));
    if (q->request.query_id.p) xml_set(arena, result, STR("queryid"), q->request.query_id);
    xml_set(arena, result, STR("id"), archive_id_of(turn, q->place.owner, sequence));
    struct xml_node *forwarded = xml_add(arena, result, NS_FORWARD, STR("forwarded"));
    struct xml_node *delay = xml_add(arena, forwarded, NS_DELAY, STR("delay"));
    xml_set(arena, delay, STR("stamp"), datetime_format(arena, sequence));
    if (!q->place.knows_people) xml_remove_children(el, says_who, NULL);
    xml_append(forwarded, el);
    session_send_node(turn, s, message);
}

static struct str id_at(struct turn *turn, const struct mam_query *q, uint32_t i) {
    return i < rows_count(q) ? archive_id_of(turn, q->place.owner, row_at(q, i).sequence) : STR_NONE;
}

static void mam_fin(struct turn *turn, struct mam_query *q) {
    struct xml_node *fin = xml_new(turn->arena, NS_MAM, STR("fin"));
    if (q->complete) xml_set(turn->arena, fin, STR("complete"), STR("true"));
    rsm_add(turn->arena, fin, id_at(turn, q, 0), id_at(turn, q, rows_count(q) - 1), -1, q->count);
    iq_later_answer(turn, &q->later, fin);
}

static void mam_edge(struct turn *turn, const struct mam_query *q, struct xml_node *metadata, struct str name,
                     uint32_t i) {
    struct xml_node *edge = xml_add(turn->arena, metadata, NS_MAM, name);
    xml_set(turn->arena, edge, STR("id"), id_at(turn, q, i));
    xml_set(turn->arena, edge, STR("timestamp"), datetime_format(turn->arena, row_at(q, i).sequence));
}

static void mam_metadata(struct turn *turn, struct mam_query *q) {
    struct xml_node *metadata = xml_new(turn->arena, NS_MAM, STR("metadata"));
    if (rows_count(q) > 0) {
        mam_edge(turn, q, metadata, STR("start"), 0);
        mam_edge(turn, q, metadata, STR("end"), rows_count(q) - 1);
    }
    iq_later_answer(turn, &q->later, metadata);
}

static bool on_more(struct turn *turn, struct session *s, struct stream_drain *drain) {
    struct mam_query *q = CONTAINER_OF(drain, struct mam_query, drain);
    for (uint32_t count = rows_count(q); q->written < count;) {
        if (session_is_full(s) || (q->written && turn_is_long(turn))) return false;
        uint32_t i = q->written++;
        struct row row = row_at(q, q->request.flip ? count - 1 - i : i);
        mam_write_row(turn, s, q, row.sequence, str_of(buf_str(&q->bytes).p + row.at, row.len));
    }
    mam_fin(turn, q);
    mam_free(turn, q);
    return true;
}

/* The connection went while the page was being written: a resumed session asks again if it wants to. */
static void on_gone(struct turn *turn, struct stream_drain *drain) {
    struct mam_query *q = CONTAINER_OF(drain, struct mam_query, drain);
    iq_later_refuse(turn, &q->later, STANZA_ERR_RECIPIENT_UNAVAILABLE, STR_NONE);
    mam_free(turn, q);
}

/* --- reading it --- */

static bool mam_take_row(void *arg, const struct archive_row *row) {
    struct mam_query *q = arg;
    struct row taken = {row->sequence, (uint32_t)buf_len(&q->bytes), (uint32_t)row->stanza.len};
    buf_add(&q->rows, &taken, sizeof taken);
    if (!q->metadata) buf_add_str(&q->bytes, row->stanza);
    return buf_len(&q->bytes) < PAGE_BYTES; /* a short page is one too */
}

static int metadata_read(struct db *db, struct mam_query *q) {
    int err = archive_query(db, &q->query, mam_take_row, q, &q->complete);
    struct archive_query last = q->query;
    last.backwards = true;
    return err ? err : archive_query(db, &last, mam_take_row, q, &q->complete);
}

static int count_read(struct db *db, struct mam_query *q) {
    uint32_t count, known = q->count > 0 ? (uint32_t)q->count : 0;
    int err = archive_count(db, &q->query, COUNT_MAX - known, &count);
    if (!err) q->count = known + count;
    return err;
}

/* Reader thread. */
static int mam_run(struct db *db, struct store_job *job) {
    struct mam_query *q = (struct mam_query *)job;
    if (q->metadata) return metadata_read(db, q);
    for (uint32_t i = 0; i < q->request.named_count; i++) {
        int64_t named = q->request.named[i];
        int err = named <= q->gone ? ERR_NOT_FOUND : archive_has(db, q->query.account, named);
        if (err) return err;
    }
    if (q->search) return search_query(q->search, db, &q->query, &q->request.terms, mam_take_row, q, &q->complete);
    return q->counts ? count_read(db, q) : archive_query(db, &q->query, mam_take_row, q, &q->complete);
}

static void mam_submit(struct turn *turn, struct mam_query *q);

/* The reader has paused: the rest, behind what others have asked for meanwhile, and for what that costs. */
static void mam_go_on(struct turn *turn, struct mam_query *q, struct session *s) {
    if (q->search && s->stream) stream_charge(s->stream, QUERY_COST);
    *(q->query.backwards ? &q->query.before : &q->query.after) = q->looked;
    q->request.named_count = 0; /* they have been found */
    if (!q->counts) q->query.max = q->request.query.max - rows_count(q);
    q->pieces++;
    mam_submit(turn, q);
}

/* Too many, or a number of them. */
static void count_end(struct mam_query *q) {
    q->complete = q->count == 0;
    if (q->count >= COUNT_MAX) q->count = -1;
}

static bool mam_has_rest(const struct mam_query *q) {
    if (!q->looked || q->count >= COUNT_MAX || buf_len(&q->bytes) >= PAGE_BYTES) return false;
    return !q->search || q->pieces < PIECES_MAX;
}

static void mam_done(struct turn *turn, struct store_job *job) {
    struct mam_query *q = (struct mam_query *)job;
    struct session *s = iq_later_session(turn, q->later);
    if (job->result || !s) {
        iq_later_failed(turn, &q->later, job->result ? job->result : ERR_CLOSED);
        mam_free(turn, q);
    } else if (q->metadata) {
        mam_metadata(turn, q);
        mam_free(turn, q);
    } else if (mam_has_rest(q)) {
        mam_go_on(turn, q, s);
    } else if (q->looked && q->search && rows_count(q) == 0) { /* from where would the next page begin? */
        iq_later_refuse(turn, &q->later, STANZA_ERR_RESOURCE_CONSTRAINT,
                        STR("This search takes too long now. Try it again later, or within a shorter time."));
        mam_free(turn, q);
    } else {
        if (q->counts) count_end(q);
        q->drain.more = on_more;
        q->drain.gone = on_gone;
        stream_drain_add(turn, s, &q->drain);
    }
}

static void mam_submit(struct turn *turn, struct mam_query *q) {
    q->job.kind = STORE_READ;
    q->job.slot = q->account->slot;
    q->job.run = mam_run;
    q->job.done = mam_done;
    q->job.msg.bytes = sizeof *q;
    store_submit(q->account->im->server->store, turn, &q->job);
}

/*
 * What gets its place after the query is not for this page: it may be committed before something older is (they are written by different
 * homes), and who then reads on behind it would never see the older one.
 */
static void page_bound(struct mam_query *q) {
    int64_t last = account_settled_to(q->account);
    if (last == 0) last = 1; /* before all times; 0 would mean no bound */
    if (q->query.to == 0 || q->query.to > last) q->query.to = last;
}

static void page_begin(struct mam_query *q) {
    q->gone = retention_gone(q->account->im->server);
    if (q->place.from > q->gone + 1) q->gone = q->place.from - 1;
    if (q->gone && q->query.from <= q->gone) q->query.from = q->gone + 1;
}

static void on_turn_to_read(struct turn *turn, struct account *account, struct pending *pending) {
    struct mam_query *q = CONTAINER_OF(pending, struct mam_query, pending);
    (void)account;
    page_bound(q);
    page_begin(q);
    mam_submit(turn, q);
}

/* --- the request --- */

/* The account's queue has a place for it, or it is refused. All of a person's devices may catch up at once, and one that is slow keeps
 * none of the others from it. */
static struct mam_query *mam_new(struct walk *walk, const struct archive_place *place) {
    struct account *a = walk->account;
    if (a->queries >= QUERIES_SPARE + QUERIES_EACH * a->session_count) {
        iq_refuse(walk, STANZA_ERR_RESOURCE_CONSTRAINT, STR("One query after the other, please."));
        return NULL;
    }
    if (walk->session->stream) stream_charge(walk->session->stream, QUERY_COST);
    struct mam_query *q = calloc(1, sizeof *q);
    CHECK(q != NULL);
    q->arena = arena_new();
    q->account = walk->account;
    q->count = -1;
    q->place = *place;
    q->place.bare = arena_dup(q->arena, place->bare);
    q->account->queries++;
    account_job_begin(q->account);
    return q;
}

static void mam_start(struct walk *walk, struct mam_query *q) {
    q->later = iq_defer(walk);
    if (q->place.owner != walk->account->id) { /* written by one home alone, in order: what is there is all there is */
        page_begin(q);
        mam_submit(walk->turn, q);
        return;
    }
    q->pending.done = true;
    q->pending.proceed = on_turn_to_read;
    account_queue(walk->account, &q->pending);
    account_settle(walk->turn, walk->account);
}

void archive_page_query(struct walk *walk, const struct archive_place *place) {
    struct mam_query *q = mam_new(walk, place);
    if (!q) return;
    struct str text;
    enum stanza_error error =
        archive_request_read(walk->turn, place->owner, q->arena, walk->stanza.payload, &q->request, &text);
    if (error) {
        mam_free(walk->turn, q);
        iq_refuse(walk, error, text);
        return;
    }
    q->query = q->request.query;
    q->query.looked = &q->looked;
    q->counts = q->query.max == 0; /* asked for nothing else (XEP-0059 section 2.7) */
    if (q->request.terms.count) {
        q->counts = false; /* with a max of 0 it is said whether there are any, by `complete` */
        q->search = walk->account->im->server->search;
    }
    if (place->owner == walk->account->id) walk->session->modern = handover_all(walk->turn, walk->account);
    mam_start(walk, q);
}

/* Where it begins and ends (section 5): a query like others, or its end could be ahead of what is in flight. */
void archive_page_metadata(struct walk *walk, const struct archive_place *place) {
    struct mam_query *q = mam_new(walk, place);
    if (!q) return;
    q->query = (struct archive_query){.account = place->owner, .max = 1};
    q->metadata = true;
    mam_start(walk, q);
}
