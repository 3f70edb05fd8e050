/*
 * mam.c: Message Archive Management (XEP-0313 urn:xmpp:mam:2): queries of one's own archive. A query waits for all that its account has in
 * flight, so that no page can miss what is about to appear before its end; it holds up nothing itself. A page is read by a worker and
 * written as the socket drains, the <fin/> last.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/codec.h"
#include "base/err.h"
#include "im/archive.h"
#include "im/change.h"
#include "im/deliver.h"
#include "im/feature.h"
#include "im/handover.h"
#include "im/iq.h"
#include "im/session.h"
#include "store/archive.h"
#include "xmpp/form.h"
#include "xmpp/ns.h"
#include "xmpp/rsm.h"

/* A query from its request to its <fin/>. It is at any time in one of three places: the account's pending list, the store, the stream's drains. */
struct mam_query {
    struct store_job job;
    struct pending pending;
    struct stream_drain drain;
    struct account *account; /* a job of it: stays */
    struct iq_later *later;
    struct arena *arena; /* of the strings below */
    struct archive_query query;
    struct str query_id;
    int64_t must_exist; /* a sequence that the request named; 0: none */
    struct buf rows;    /* struct row_head and bytes, one after the other */
    size_t written;     /* of rows, in bytes */
    int64_t first, last, count;
    bool complete;
};

enum { PAGE_BYTES = 1 << 20, QUERIES_MAX = 4, QUERY_COST = 5 };
enum { COUNT_MAX = 10000 }; /* more are not counted: the work of a request is bounded */

struct row_head {
    int64_t sequence;
    uint32_t len;
};

static void mam_free(struct turn *turn, struct mam_query *q) {
    struct account *account = q->account;
    account->queries--;
    buf_free(&q->rows);
    arena_free(&q->arena);
    free(q);
    account_job_end(turn, account);
}

/* --- writing the page --- */

static void mam_write_row(struct turn *turn, struct session *s, const struct mam_query *q, int64_t sequence,
                          struct str stanza) {
    struct arena *arena = turn->arena;
    struct xml_scope scope = {.default_ns = STR_NONE};
    struct xml_limits limits = {UINT32_MAX, UINT16_MAX, UINT16_MAX, UINT32_MAX};
    struct xml_node *el;
    if (xml_parse(arena, stanza, &scope, &limits, &el) != XML_OK) return;
    struct xml_node *message = xml_new(arena, NS_CLIENT, STR("message"));
    xml_set(arena, message, STR("from"), account_bare(q->account));
    struct xml_node *result = xml_add(arena, message, NS_MAM, STR("result"));
    if (q->query_id.p) xml_set(arena, result, STR("queryid"), q->query_id);
    xml_set(arena, result, STR("id"), archive_id(turn, q->account, sequence));
    struct xml_node *forwarded = xml_add(arena, result, NS_FORWARD, STR("forwarded"));
    struct xml_node *delay = xml_add(arena, forwarded, NS_DELAY, STR("delay"));
    xml_set(arena, delay, STR("stamp"), datetime_format(arena, sequence));
    xml_append(forwarded, el);
    session_send_node(turn, s, message);
}

static void mam_fin(struct turn *turn, struct mam_query *q) {
    struct xml_node *fin = xml_new(turn->arena, NS_MAM, STR("fin"));
    if (q->complete) xml_set(turn->arena, fin, STR("complete"), STR("true"));
    struct str first = q->first ? archive_id(turn, q->account, q->first) : STR_NONE;
    struct str last = q->last ? archive_id(turn, q->account, q->last) : STR_NONE;
    rsm_add(turn->arena, fin, first, last, -1, q->count);
    iq_later_answer(turn, &q->later, fin);
}

static bool on_more(struct turn *turn, struct session *s, struct stream_drain *drain) {
    struct mam_query *q = CONTAINER_OF(drain, struct mam_query, drain);
    struct str rows = buf_str(&q->rows);
    while (q->written < rows.len) {
        if (session_is_full(s) || (q->written && turn_is_long(turn))) return false;
        struct row_head head;
        memcpy(&head, rows.p + q->written, sizeof head);
        q->written += sizeof head;
        mam_write_row(turn, s, q, head.sequence, str_of(rows.p + q->written, head.len));
        q->written += head.len;
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
    struct row_head head = {row->sequence, (uint32_t)row->stanza.len};
    buf_add(&q->rows, &head, sizeof head);
    buf_add_str(&q->rows, row->stanza);
    if (!q->first) q->first = row->sequence;
    q->last = row->sequence;
    return buf_len(&q->rows) < PAGE_BYTES; /* stopped: there is more */
}

/* Reader thread. */
static int mam_run(struct db *db, struct store_job *job) {
    struct mam_query *q = (struct mam_query *)job;
    buf_clear(&q->rows);
    q->first = q->last = 0;
    if (q->must_exist) {
        int err = archive_has(db, q->query.account, q->must_exist);
        if (err) return err;
    }
    q->count = -1;
    if (q->query.max > 0) return archive_query(db, &q->query, mam_take_row, q, &q->complete);
    uint32_t count; /* asked for nothing else (XEP-0059 section 2.7) */
    int err = archive_count(db, &q->query, COUNT_MAX, &count);
    if (!err && count < COUNT_MAX) q->count = count;
    q->complete = err == 0 && count == 0;
    return err;
}

static void mam_done(struct turn *turn, struct store_job *job) {
    struct mam_query *q = (struct mam_query *)job;
    struct session *s = iq_later_session(turn, q->later);
    if (job->result || !s) {
        iq_later_failed(turn, &q->later, job->result ? job->result : ERR_CLOSED);
        mam_free(turn, q);
        return;
    }
    q->drain.more = on_more;
    q->drain.gone = on_gone;
    stream_drain_add(turn, s, &q->drain);
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

static void on_turn_to_read(struct turn *turn, struct account *account, struct pending *pending) {
    struct mam_query *q = CONTAINER_OF(pending, struct mam_query, pending);
    page_bound(q);
    q->job.kind = STORE_READ;
    q->job.slot = account->slot;
    q->job.run = mam_run;
    q->job.done = mam_done;
    q->job.msg.bytes = sizeof *q;
    store_submit(account->im->server->store, turn, &q->job);
}

/* --- the request --- */

static bool read_time(const struct xml_node *form, struct arena *arena, struct str name, int64_t *out) {
    const struct xml_node *field = form_field(form, name);
    return !field || datetime_parse(form_value(arena, field), out) == 0;
}

static bool is_known_field(struct str var) {
    static const struct str known[] = {STR_INIT("FORM_TYPE"), STR_INIT("start"), STR_INIT("end"), STR_INIT("with")};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (str_eq(known[i], var)) return true;
    }
    return false;
}

static enum stanza_error read_form(struct mam_query *q, const struct xml_node *form) {
    if (!form) return STANZA_ERR_NONE;
    if (!str_eq(form_type(q->arena, form), NS_MAM)) return STANZA_ERR_BAD_REQUEST;
    for (const struct xml_node *f = xml_child(form, NS_DATA, STR("field")); f; f = xml_again(f)) {
        if (!is_known_field(xml_attr(f, STR("var")))) return STANZA_ERR_FEATURE_NOT_IMPLEMENTED;
    }
    if (!read_time(form, q->arena, STR("start"), &q->query.from) ||
        !read_time(form, q->arena, STR("end"), &q->query.to)) {
        return STANZA_ERR_BAD_REQUEST;
    }
    const struct xml_node *with = form_field(form, STR("with"));
    if (!with) return STANZA_ERR_NONE;
    struct jid jid;
    if (jid_parse(q->arena, form_value(q->arena, with), &jid)) return STANZA_ERR_JID_MALFORMED;
    jid = jid_dup(q->arena, jid);
    q->query.with = jid_bare_str(jid);
    if (!jid_is_bare(jid)) q->query.with_resource = jid_str(jid);
    return STANZA_ERR_NONE;
}

static enum stanza_error read_page(struct turn *turn, struct mam_query *q, const struct xml_node *payload,
                                   uint32_t page_max) {
    struct rsm_query rsm;
    if (rsm_read(turn->arena, payload, &rsm)) return STANZA_ERR_BAD_REQUEST;
    if (rsm.has_index) return STANZA_ERR_FEATURE_NOT_IMPLEMENTED;
    q->query.max = rsm.has_max && rsm.max < page_max ? rsm.max : page_max;
    q->query.backwards = rsm.has_before;
    struct str id = rsm.has_after ? rsm.after : rsm.before;
    if (!str_some(id)) return STANZA_ERR_NONE;
    int64_t sequence;
    if (archive_id_read(turn, q->account, id, &sequence)) return STANZA_ERR_ITEM_NOT_FOUND;
    q->must_exist = sequence;
    if (rsm.has_after) {
        q->query.after = sequence;
    } else {
        q->query.before = sequence;
    }
    return STANZA_ERR_NONE;
}

static void on_query(struct walk *walk) {
    struct turn *turn = walk->turn;
    if (walk->account->queries >= QUERIES_MAX) {
        iq_refuse(walk, STANZA_ERR_RESOURCE_CONSTRAINT, STR("One query after the other, please."));
        return;
    }
    if (walk->session->stream) stream_charge(walk->session->stream, QUERY_COST);
    walk->account->queries++;
    struct mam_query *q = calloc(1, sizeof *q);
    CHECK(q != NULL);
    q->arena = arena_new();
    q->account = walk->account;
    q->query.account = walk->account->id;
    account_job_begin(walk->account);
    const struct xml_node *payload = walk->stanza.payload;
    enum stanza_error error = read_form(q, xml_child(payload, NS_DATA, STR("x")));
    if (!error) error = read_page(turn, q, payload, (uint32_t)walk->im->server->options.mam_page);
    if (!error && xml_attr(payload, STR("node")).p) error = STANZA_ERR_ITEM_NOT_FOUND;
    if (error) {
        mam_free(turn, q);
        iq_refuse(walk, error, STR_NONE);
        return;
    }
    struct str id = xml_attr(payload, STR("queryid"));
    q->query_id = id.p ? arena_dup(q->arena, id) : STR_NONE;
    q->later = iq_defer(walk);
    walk->session->modern = handover_all(turn, walk->account);
    q->pending.done = true;
    q->pending.proceed = on_turn_to_read;
    account_queue(walk->account, &q->pending);
    account_settle(turn, walk->account);
}

/* What can be asked for. */
static void on_form(struct walk *walk) {
    struct arena *arena = walk->turn->arena;
    struct xml_node *query = xml_new(arena, NS_MAM, STR("query"));
    struct xml_node *form = form_new(arena, STR("form"), NS_MAM);
    form_add(arena, form, STR("jid-single"), STR("with"), STR_NONE);
    form_add(arena, form, STR("text-single"), STR("start"), STR_NONE);
    form_add(arena, form, STR("text-single"), STR("end"), STR_NONE);
    xml_append(query, form);
    iq_answer(walk, query);
}

static const struct str mam_disco[] = {STR_INIT("urn:xmpp:mam:2"), {NULL, 0}};

static const struct iq_handler mam_iq[] = {
    {IQ_SET, TO(SELF), STR_INIT("urn:xmpp:mam:2"), STR_INIT("query"), on_query},
    {IQ_GET, TO(SELF), STR_INIT("urn:xmpp:mam:2"), STR_INIT("query"), on_form},
    {0, 0, {NULL, 0}, {NULL, 0}, NULL},
};

const struct feature feature_mam = {
    .name = "mam",
    .spec = "XEP-0313, XEP-0059",
    .version = "1.1.3, 1.0",
    .text =
        "Queries of one's own archive by time, person and page; exact, and never ahead of what is still being written.",
    .disco = NULL,
    .disco_account = mam_disco,
    .iq = mam_iq,
};
