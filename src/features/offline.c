/*
 * offline.c: what a client missed that does not read archives itself (RFC 6121 8.5.2.2, XEP-0160): archive rows behind the account's
 * mark, page by page as the socket drains, with the time at which they came. The mark follows what is acknowledged. Messages that
 * come meanwhile stay in the archive until the flood has reached them, so order holds and nothing comes twice.
 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/log.h"
#include "im/archive.h"
#include "im/deliver.h"
#include "im/feature.h"
#include "im/handover.h"
#include "im/session.h"
#include "store/archive.h"
#include "xmpp/ns.h"

struct flood {
    struct store_job job;
    struct stream_drain drain;
    struct account *account;
    uint32_t session, session_gen;
    int64_t id, after, to;
    uint32_t page;
    bool complete, draining;
    struct buf rows;
    size_t written;
};

enum { PAGE_BYTES = 1 << 20 };

struct row_head {
    int64_t sequence;
    uint32_t len, flags;
};

static void flood_free(struct turn *turn, struct flood *f) {
    struct account *account = f->account;
    buf_free(&f->rows);
    free(f);
    account_job_end(turn, account);
}

static void flood_read(struct turn *turn, struct flood *f);

static void flood_write_row(struct turn *turn, struct session *s, struct row_head head, struct str stanza) {
    struct arena *arena = turn->arena;
    int64_t sequence = head.sequence;
    struct account *a = s->account;
    a->flood->at = sequence;
    bool owed = handover_pay(a, sequence);
    if (!owed && sequence <= a->offline_mark)
        return; /* one that reads archives has come: what was missed is its business */
    if (!owed && handover_is_held(a, sequence)) return; /* it came by its full address while this one waited */
    struct xml_node *el = xml_parse_own(arena, stanza);
    if (!el) return;
    if (!(head.flags & ARCHIVE_HIDDEN)) {
        struct xml_node *id = xml_add(arena, el, NS_SID, STR("stanza-id"));
        xml_set(arena, id, STR("by"), account_bare(a));
        xml_set(arena, id, STR("id"), archive_id(turn, a, sequence));
    }
    delay_add(turn, el, server_domain(a->im), sequence);
    struct wire *wire = wire_from(el);
    session_send(turn, s, wire, sequence);
    wire_unref(&wire);
}

/* All of it is written, or nobody wants the rest. */
static void flood_end(struct turn *turn, struct flood *f) {
    struct account *a = f->account;
    handover_flood_ends(a, 0);
    handover_advance(turn, a);
    flood_free(turn, f);
}

/* Where it goes on when it has read to the end; INT64_MAX: nowhere. */
static int64_t flood_again_from(const struct account *a) {
    int64_t from = INT64_MAX, owed = handover_owed(a);
    if (a->waiting_from) from = a->waiting_from - 1; /* somebody else has given something back meanwhile */
    if (a->waiting_from && from < a->offline_mark) from = a->offline_mark;
    return owed && owed - 1 < from ? owed - 1 : from;
}

/* The page is out: the next one, or the end if nothing came meanwhile. */
static void flood_next(struct turn *turn, struct flood *f) {
    struct account *a = f->account;
    struct session *s = a->flood->to;
    bool wants = session_is_available(s) && s->priority >= 0;
    if (f->complete) {
        handover_paid_to(a, f->to);
        int64_t from = flood_again_from(a);
        if (!wants || from == INT64_MAX) {
            flood_end(turn, f);
            return;
        }
        f->after = a->flood->at = from;
        a->waiting_from = 0;
    }
    flood_read(turn, f);
}

static bool on_more(struct turn *turn, struct session *s, struct stream_drain *drain) {
    struct flood *f = CONTAINER_OF(drain, struct flood, drain);
    struct str rows = buf_str(&f->rows);
    while (f->written < rows.len) {
        if (session_is_full(s) || (f->written && turn_is_long(turn))) return false;
        struct row_head head;
        memcpy(&head, rows.p + f->written, sizeof head);
        f->written += sizeof head;
        flood_write_row(turn, s, head, str_of(rows.p + f->written, head.len));
        f->written += head.len;
        f->after = head.sequence;
    }
    flood_next(turn, f);
    return true;
}

static void on_gone(struct turn *turn, struct stream_drain *drain) {
    (void)turn;
    struct flood *f = CONTAINER_OF(drain, struct flood, drain);
    handover_flood_ends(f->account, f->after + 1); /* what it had not reached waits on */
    flood_free(turn, f);
}

static bool flood_take_row(void *arg, const struct archive_row *row) {
    struct flood *f = arg;
    struct row_head head = {row->sequence, (uint32_t)row->stanza.len, row->flags};
    buf_add(&f->rows, &head, sizeof head);
    buf_add_str(&f->rows, row->stanza);
    return buf_len(&f->rows) < PAGE_BYTES; /* stopped: there is more */
}

static int flood_run(struct db *db, struct store_job *job) {
    struct flood *f = (struct flood *)job;
    buf_clear(&f->rows);
    struct archive_query query = {.account = f->id, .after = f->after, .to = f->to, .max = f->page, .offline = true};
    return archive_query(db, &query, flood_take_row, f, &f->complete);
}

static void flood_done(struct turn *turn, struct store_job *job) {
    struct flood *f = (struct flood *)job;
    struct session *s = session_at(im_of(turn), f->session, f->session_gen);
    if (job->result)
        LOG(LOG_ERROR, "offline-failed", F_STR("account", account_bare(f->account)), F_ERR("error", job->result));
    bool goes_on = s && handover_flood_is_to(f->account, s);
    if (job->result || !goes_on) {
        if (goes_on) handover_flood_ends(f->account, f->after + 1); /* else its end has said what waits */
        flood_free(turn, f);
        return;
    }
    f->written = 0;
    f->drain.more = on_more;
    f->drain.gone = on_gone;
    stream_drain_add(turn, s, &f->drain);
}

static void flood_read(struct turn *turn, struct flood *f) {
    f->to = account_settled_to(f->account); /* what is committed but not delivered yet comes in its turn */
    f->job.kind = STORE_READ;
    f->job.slot = f->account->slot;
    f->job.run = flood_run;
    f->job.done = flood_done;
    f->job.msg.bytes = sizeof *f;
    store_submit(f->account->im->server->store, turn, &f->job);
}

/* To a client that shows messages and does not ask for them itself. */
static void flood_begin(struct turn *turn, struct session *s) {
    struct account *a = s->account;
    bool wants = !s->modern && session_is_available(s) && s->priority >= 0;
    if (!wants || a->flood || a->waiting_from == 0) return;
    struct flood *f = calloc(1, sizeof *f);
    CHECK(f != NULL);
    f->account = a;
    f->session = s->index;
    f->session_gen = s->generation;
    f->id = a->id;
    f->after = a->waiting_from - 1 > a->offline_mark ? a->waiting_from - 1 : a->offline_mark;
    f->page = (uint32_t)a->im->server->options.offline_page;
    a->waiting_from = 0; /* from here on the flood knows how far it is */
    handover_flood_begins(a, s, f->after);
    account_job_begin(a);
    flood_read(turn, f);
}

static enum verdict on_available(struct walk *walk) {
    if (!jid_some(walk->stanza.to)) flood_begin(walk->turn, walk->session);
    return PASS;
}

static const struct str offline_disco[] = {STR_INIT("msgoffline"), {NULL, 0}};

static const struct hook offline_hooks[] = {
    {OUT, STANZA_PRESENCE, TO(SELF), STAGE_AFTER, on_available, "offline-handover"},
    {0, 0, 0, 0, NULL, NULL},
};

const struct feature feature_offline = {
    .name = "offline",
    .spec = "XEP-0160, XEP-0203",
    .version = "1.0.1, 2.0",
    .text = "Clients that do not read archives get what they missed once, in order, with its time; nothing counts as "
            "handed over before it is acknowledged.",
    .disco = offline_disco,
    .hooks = offline_hooks,
    .session_resumed = flood_begin, /* it goes on where the connection broke */
};
