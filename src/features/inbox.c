/*
 * inbox.c: the inbox (docs/decisions/007-inbox.md): which conversations have news, the last message and the unread count of each, in one round
 * trip. Like an archive query it waits for all that its account has in flight, is read by a worker, some rows at a time, and
 * written as the socket drains, the <fin/> last; what was counted anew is written down behind it.
 */
#include "im/inbox.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/log.h"
#include "im/archive.h"
#include "im/displayed.h"
#include "im/feature.h"
#include "im/handover.h"
#include "im/iq.h"
#include "im/retention.h"
#include "im/session.h"
#include "xmpp/ns.h"
#include "xmpp/rsm.h"

/* A query from its request to its <fin/>: in the account's pending list, at the store (in several goes), in the stream's drains. */
struct inbox_request {
    struct store_job job;
    struct pending pending;
    struct stream_drain drain;
    struct account *account; /* a job of it: stays */
    struct iq_later *later;
    struct arena *arena; /* of query_id */
    struct str query_id;
    struct inbox_query query;
    struct inbox *inbox;
    bool more;       /* rows to count */
    struct buf rows; /* struct row_head and three strings, one after the other */
    size_t written;  /* of rows, in bytes */
    int64_t gone, first, last;
    struct inbox_totals totals;
};

enum { PAGE_BYTES = 1 << 20, MESSAGE_BYTES = 8192, QUERIES_MAX = 4, QUERY_COST = 20, READ_COST = 2 };

struct row_head {
    struct inbox_conversation conversation;
    enum inbox_tick tick;
    uint32_t peer_len, stanza_len, changer_len;
};

static void request_free(struct turn *turn, struct inbox_request *q) {
    struct account *account = q->account;
    account->queries--;
    buf_free(&q->rows);
    inbox_free(&q->inbox);
    arena_free(&q->arena);
    free(q);
    account_job_end(turn, account);
}

/* --- writing down what was counted --- */

struct inbox_writing {
    struct store_job job;
    struct account *account;
    struct inbox *inbox;
};

/* Writer. */
static int writing_run(struct db *db, struct store_job *job) {
    return inbox_write(db, ((struct inbox_writing *)job)->inbox);
}

static void writing_done(struct turn *turn, struct store_job *job) {
    struct inbox_writing *w = (struct inbox_writing *)job;
    if (job->result) /* it will be counted again */
        LOG(LOG_WARN, "inbox-not-written", F_STR("account", account_bare(w->account)), F_ERR("error", job->result));
    inbox_free(&w->inbox);
    account_job_end(turn, w->account);
    free(w);
}

static void inbox_write_down(struct turn *turn, struct inbox_request *q) {
    if (!inbox_is_worth_writing(q->inbox)) return;
    struct inbox_writing *w = calloc(1, sizeof *w);
    CHECK(w != NULL);
    w->job.kind = STORE_WRITE;
    w->job.slot = q->account->slot;
    w->job.run = writing_run;
    w->job.done = writing_done;
    w->job.msg.bytes = (uint32_t)(sizeof *w + arena_used(q->inbox->arena));
    w->account = q->account;
    w->inbox = q->inbox;
    q->inbox = NULL;
    account_job_begin(w->account);
    store_submit(w->account->im->server->store, turn, &w->job);
}

/* --- writing the page --- */

static struct str number(struct turn *turn, int64_t n) {
    return arena_printf(turn->arena, "%lld", (long long)n);
}

static struct str id_of(struct turn *turn, const struct inbox_request *q, int64_t sequence) {
    return sequence ? archive_id(turn, q->account, sequence) : STR_NONE;
}

static void entry_add_stanza(struct turn *turn, struct xml_node *entry, struct str stanza) {
    struct xml_node *el = stanza.len ? xml_parse_own(turn->arena, stanza) : NULL;
    if (el) xml_append(entry, el);
}

/* The entry at q->written, into a message. */
static void entry_add(struct turn *turn, struct inbox_request *q, struct xml_node *inbox) {
    struct arena *arena = turn->arena;
    struct row_head head;
    const char *at = buf_str(&q->rows).p + q->written;
    memcpy(&head, at, sizeof head);
    struct str peer = str_of(at + sizeof head, head.peer_len);
    struct str stanza = str_of(peer.p + peer.len, head.stanza_len);
    struct str changer = str_of(stanza.p + stanza.len, head.changer_len);
    q->written += sizeof head + peer.len + stanza.len + changer.len;

    const struct inbox_conversation *c = &head.conversation;
    static const struct str ticks[] = {
        [INBOX_SENT] = {NULL, 0}, [INBOX_RECEIVED] = STR_INIT("received"), [INBOX_DISPLAYED] = STR_INIT("displayed")};
    struct xml_node *entry = xml_add(arena, inbox, STR_NONE, STR("entry"));
    xml_set(arena, entry, STR("jid"), peer);
    xml_set(arena, entry, STR("id"), id_of(turn, q, c->newest));
    xml_set(arena, entry, STR("stamp"), datetime_format(arena, c->newest));
    xml_set(arena, entry, STR("unread"), c->unread ? number(turn, c->unread) : STR_NONE);
    xml_set(arena, entry, STR("first"), id_of(turn, q, c->first));
    xml_set(arena, entry, STR("read"), id_of(turn, q, c->mark > q->gone ? c->mark : 0));
    xml_set(arena, entry, STR("peer"), ticks[head.tick]);
    entry_add_stanza(turn, entry, stanza);
    entry_add_stanza(turn, entry, changer);
}

/* One message with some entries: what stands around them is worth sharing. */
static void entries_write(struct turn *turn, struct session *s, struct inbox_request *q) {
    struct xml_node *message = xml_new(turn->arena, NS_CLIENT, STR("message"));
    xml_set(turn->arena, message, STR("from"), account_bare(q->account));
    struct xml_node *inbox = xml_add(turn->arena, message, NS_INBOX, STR("inbox"));
    xml_set(turn->arena, inbox, STR("queryid"), q->query_id);
    size_t end = q->written + MESSAGE_BYTES, len = buf_len(&q->rows);
    while (q->written < len && q->written < end) entry_add(turn, q, inbox);
    session_send_node(turn, s, message);
}

static void fin_write(struct turn *turn, struct inbox_request *q) {
    struct xml_node *fin = xml_new(turn->arena, NS_INBOX, STR("fin"));
    const struct inbox_totals *t = &q->totals;
    if (t->complete) xml_set(turn->arena, fin, STR("complete"), STR("true"));
    xml_set(turn->arena, fin, STR("total"), number(turn, t->conversations));
    xml_set(turn->arena, fin, STR("unread"), number(turn, t->unread_conversations));
    xml_set(turn->arena, fin, STR("all-unread"), number(turn, t->unread));
    xml_set(turn->arena, fin, STR("state"), id_of(turn, q, t->state));
    xml_set(turn->arena, fin, STR("archive"), id_of(turn, q, t->archive));
    rsm_add(turn->arena, fin, id_of(turn, q, q->first), id_of(turn, q, q->last), -1, t->matching);
    iq_later_answer(turn, &q->later, fin);
}

static bool on_more(struct turn *turn, struct session *s, struct stream_drain *drain) {
    struct inbox_request *q = CONTAINER_OF(drain, struct inbox_request, drain);
    while (q->written < buf_len(&q->rows)) {
        if (session_is_full(s) || (q->written && turn_is_long(turn))) return false;
        entries_write(turn, s, q);
    }
    fin_write(turn, q);
    request_free(turn, q);
    return true;
}

/* The connection went while the page was being written. */
static void on_gone(struct turn *turn, struct stream_drain *drain) {
    struct inbox_request *q = CONTAINER_OF(drain, struct inbox_request, drain);
    iq_later_refuse(turn, &q->later, STANZA_ERR_RECIPIENT_UNAVAILABLE, STR_NONE);
    request_free(turn, q);
}

/* --- reading it --- */

static bool take_entry(void *arg, const struct inbox_entry *entry) {
    struct inbox_request *q = arg;
    struct row_head head = {*entry->conversation, entry->tick, (uint32_t)entry->peer.len, (uint32_t)entry->stanza.len,
                            (uint32_t)entry->changer.len};
    buf_add(&q->rows, &head, sizeof head);
    buf_add_str(&q->rows, entry->peer);
    buf_add_str(&q->rows, entry->stanza);
    buf_add_str(&q->rows, entry->changer);
    if (!q->first) q->first = entry->conversation->newest;
    q->last = entry->conversation->newest;
    return buf_len(&q->rows) < PAGE_BYTES;
}

/* Reader thread. */
static int request_run(struct db *db, struct store_job *job) {
    struct inbox_request *q = (struct inbox_request *)job;
    int err = inbox_fold(db, q->inbox, q->query.to, &q->more);
    if (err || q->more) return err;
    buf_clear(&q->rows);
    q->first = q->last = 0;
    return inbox_list(db, q->inbox, &q->query, take_entry, q, &q->totals);
}

static void request_done(struct turn *turn, struct store_job *job) {
    struct inbox_request *q = (struct inbox_request *)job;
    struct session *s = iq_later_session(turn, q->later);
    if (job->result || !s) {
        iq_later_failed(turn, &q->later, job->result ? job->result : ERR_CLOSED);
        request_free(turn, q);
        return;
    }
    if (q->more) {
        store_submit(q->account->im->server->store, turn, &q->job);
        return;
    }
    inbox_write_down(turn, q);
    q->drain.more = on_more;
    q->drain.gone = on_gone;
    stream_drain_add(turn, s, &q->drain);
}

/* All before it is committed, and nothing will come before it: the answer is as of this place. */
static void on_turn_to_read(struct turn *turn, struct account *account, struct pending *pending) {
    struct inbox_request *q = CONTAINER_OF(pending, struct inbox_request, pending);
    q->query.to = account_settled_to(account);
    q->inbox->gone = q->gone = retention_gone(account->im->server);
    q->job.kind = STORE_READ;
    q->job.slot = account->slot;
    q->job.run = request_run;
    q->job.done = request_done;
    q->job.msg.bytes = sizeof *q;
    store_submit(account->im->server->store, turn, &q->job);
}

/* --- the request --- */

static bool read_flag(struct str value, bool *out) {
    bool yes = str_eq(value, STR("true")) || str_eq(value, STR("1"));
    if (value.p) *out = yes;
    return !value.p || yes || str_eq(value, STR("false")) || str_eq(value, STR("0"));
}

static bool read_id(struct turn *turn, const struct account *account, struct str id, int64_t *out) {
    return archive_id_read(turn, account, id, out) == 0 && *out <= account->last_sequence;
}

static enum stanza_error read_request(struct turn *turn, const struct account *account, const struct xml_node *payload,
                                      struct inbox_query *out) {
    struct rsm_query rsm;
    uint32_t page_max = (uint32_t)account->im->server->options.inbox_page;
    out->messages = true;
    if (rsm_read(turn->arena, payload, &rsm) || !read_flag(xml_attr(payload, STR("unread-only")), &out->unread_only) ||
        !read_flag(xml_attr(payload, STR("messages")), &out->messages))
        return STANZA_ERR_BAD_REQUEST;
    if (rsm.has_index || rsm.has_before) return STANZA_ERR_FEATURE_NOT_IMPLEMENTED;
    out->max = rsm.has_max && rsm.max < page_max ? rsm.max : page_max;
    struct str since = xml_attr(payload, STR("after"));
    if (since.p && !read_id(turn, account, since, &out->since)) return STANZA_ERR_ITEM_NOT_FOUND;
    if (rsm.has_after && !read_id(turn, account, rsm.after, &out->before)) return STANZA_ERR_ITEM_NOT_FOUND;
    return STANZA_ERR_NONE;
}

static void on_query(struct walk *walk) {
    struct turn *turn = walk->turn;
    struct account *account = walk->account;
    struct inbox_query query = {0};
    if (account->queries >= QUERIES_MAX) {
        iq_refuse(walk, STANZA_ERR_RESOURCE_CONSTRAINT, STR("One query after the other, please."));
        return;
    }
    if (walk->session->stream) stream_charge(walk->session->stream, QUERY_COST);
    enum stanza_error error = read_request(turn, account, walk->stanza.payload, &query);
    if (error) {
        iq_refuse(walk, error, STR_NONE);
        return;
    }
    struct inbox_request *q = calloc(1, sizeof *q);
    CHECK(q != NULL);
    account->queries++;
    account_job_begin(account);
    q->account = account;
    q->query = query;
    q->inbox = inbox_new(account->id, 0);
    q->arena = arena_new();
    struct str id = xml_attr(walk->stanza.payload, STR("queryid"));
    q->query_id = id.p ? arena_dup(q->arena, id) : STR_NONE;
    q->later = iq_defer(walk);
    walk->session->inbox = true;
    walk->session->modern = handover_all(turn, account);
    q->pending.done = true;
    q->pending.proceed = on_turn_to_read;
    account_queue(account, &q->pending);
    account_settle(turn, account);
}

/* --- <read/> --- */

struct read_request {
    struct iq_later *later;
    struct account *account; /* stays until it is done (im/inbox.h) */
    uint16_t peer_len;
    char peer[];
};

static void on_read_done(struct turn *turn, void *arg, int err, const struct inbox_state *state) {
    struct read_request *r = arg;
    if (err) {
        iq_later_failed(turn, &r->later, err);
    } else {
        struct str peer = str_of(r->peer, r->peer_len);
        if (state->moved && r->account->id) displayed_say(turn, r->account, peer, state->mark);
        iq_later_answer(turn, &r->later, inbox_read_element(turn, r->account, peer, state));
    }
    free(r);
}

static void on_read(struct walk *walk) {
    struct turn *turn = walk->turn;
    const struct xml_node *read = walk->stanza.payload;
    struct jid jid;
    int64_t sequence;
    if (walk->session->stream) stream_charge(walk->session->stream, READ_COST);
    if (!xml_attr(read, STR("jid")).p || !xml_attr(read, STR("id")).p) {
        iq_refuse(walk, STANZA_ERR_BAD_REQUEST, STR_NONE);
        return;
    }
    if (jid_parse(turn->arena, xml_attr(read, STR("jid")), &jid)) {
        iq_refuse(walk, STANZA_ERR_JID_MALFORMED, STR_NONE);
        return;
    }
    if (!read_id(turn, walk->account, xml_attr(read, STR("id")), &sequence)) {
        iq_refuse(walk, STANZA_ERR_ITEM_NOT_FOUND, STR_NONE);
        return;
    }
    struct str peer = jid_bare_str(jid);
    struct read_request *r = malloc(sizeof *r + peer.len);
    CHECK(r != NULL);
    r->later = iq_defer(walk);
    r->account = walk->account;
    r->peer_len = (uint16_t)peer.len;
    memcpy(r->peer, peer.p, peer.len);
    inbox_read(turn, walk->account, walk->session, peer, sequence, on_read_done, r);
}

static const struct str inbox_disco[] = {STR_INIT("urn:confab:inbox:0"), {NULL, 0}};

static const struct iq_handler inbox_iq[] = {
    {IQ_GET, TO(SELF), STR_INIT("urn:confab:inbox:0"), STR_INIT("inbox"), on_query},
    {IQ_SET, TO(SELF), STR_INIT("urn:confab:inbox:0"), STR_INIT("read"), on_read},
    {0, 0, {NULL, 0}, {NULL, 0}, NULL},
};

const struct feature feature_inbox = {
    .name = "inbox",
    .spec = "urn:confab:inbox:0",
    .version = "0",
    .text = "Which conversations have news, with the last message and the unread count of each, in one round trip "
            "(decisions/007-inbox.md).",
    .disco_account = inbox_disco,
    .iq = inbox_iq,
};
