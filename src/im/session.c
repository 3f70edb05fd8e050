/*
 * session.c: bound resources, on their account's home: the table of handles, what their clients send and get, how they end. What must
 * hold: a session is in its account's list from session_new to session_end; its handle names it and nothing else for ever; each
 * stanza it sends is decided exactly once.
 */
#include "im/session.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "im/acks.h"
#include "im/copy.h"
#include "im/deliver.h"
#include "im/feature.h"
#include "im/handover.h"
#include "im/iq.h"
#include "im/quiet.h"
#include "im/router.h"
#include "xml/writer.h"

/* --- handles --- */

static void handle_grow(struct im *im) {
    uint32_t cap = im->session_cap ? im->session_cap * 2 : 64;
    im->sessions = realloc(im->sessions, cap * sizeof *im->sessions);
    im->session_gens = realloc(im->session_gens, cap * sizeof *im->session_gens);
    CHECK(im->sessions && im->session_gens);
    for (uint32_t i = im->session_cap; i < cap; i++) {
        im->sessions[i] = NULL;
        im->session_gens[i] = 0;
    }
    im->session_free = im->session_cap;
    im->session_cap = cap;
}

static void handle_take(struct im *im, struct session *s) {
    uint32_t i = im->session_free;
    while (i < im->session_cap && im->sessions[i]) i++;
    if (i >= im->session_cap) {
        handle_grow(im);
        i = im->session_free;
    }
    im->session_free = i + 1;
    im->sessions[i] = s;
    s->index = i;
    s->generation = ++im->session_gens[i];
    im->session_count++;
}

static void handle_give(struct im *im, const struct session *s) {
    im->sessions[s->index] = NULL;
    if (s->index < im->session_free) im->session_free = s->index;
    im->session_count--;
}

struct session *session_at(const struct im *im, uint32_t index, uint32_t generation) {
    if (index >= im->session_cap || im->session_gens[index] != generation) return NULL;
    return im->sessions[index];
}

struct origin session_origin(const struct turn *turn, const struct session *s, uint32_t number) {
    return (struct origin){
        .shard = turn->shard->index, .session = s->index, .session_gen = s->generation, .number = number};
}

/* --- life --- */

struct jid session_jid(const struct session *s) {
    struct jid j = account_jid(s->account);
    j.p = s->full;
    j.resource_len = s->resource_len;
    return j;
}

struct session *session_by_resource(const struct account *account, struct str resource) {
    LIST_EACH (&account->sessions, at, after) {
        struct session *s = CONTAINER_OF(at, struct session, in_account);
        if (str_eq(session_resource(s), resource)) return s;
    }
    return NULL;
}

static void on_acking(struct loop_deferred *deferred);

struct session *session_new(struct turn *turn, struct account *account, struct str resource, struct stream *stream) {
    size_t full_len = account->bare_len + 1u + resource.len;
    struct session *s = calloc(1, sizeof *s + full_len + 1);
    CHECK(s != NULL && session_by_resource(account, resource) == NULL);
    s->account = account;
    s->stream = stream;
    s->full_len = (uint16_t)full_len;
    s->resource_len = (uint16_t)resource.len;
    memcpy(s->full, account->bare, account->bare_len);
    s->full[account->bare_len] = '/';
    memcpy(s->full + account->bare_len + 1, resource.p, resource.len);
    s->since_us = turn->wall_us;
    s->acking.run = on_acking;
    list_append(&account->sessions, &s->in_account);
    handle_take(account->im, s);
    account_joined(account);
    for (const struct feature *const *f = features; *f; f++) {
        if ((*f)->session_bound) (*f)->session_bound(turn, s);
    }
    return s;
}

/* Was written without being counted, and nobody comes back who could tell whether it arrived. */
static void session_unproven_lost(struct session *s) {
    struct unproven *u = s->unproven;
    for (uint32_t i = 0; u && i < u->count; i++) {
        if (handover_failed(s->account, u->sequences[i])) handover_wait(s->account, u->sequences[i]);
    }
    free(u);
    s->unproven = NULL;
}

/*
 * What was sent to it and is not acknowledged goes elsewhere: to the account's other sessions, back to who asked, or it waits in the archive.
 * It may be much: in slices, and the session does not wait for them. Until its turn comes each is still held, so no mark passes it.
 */
struct reroute {
    struct msg_call call;
    struct account *account; /* stays: a job of it */
    struct outbox rest;
    uint16_t full_len;
    char full[];
};

static void reroute_run(struct turn *turn, struct msg_call *call) {
    struct reroute *r = CONTAINER_OF(call, struct reroute, call);
    struct account *a = r->account;
    struct str full = str_of(r->full, r->full_len);
    struct outbox *rest = &r->rest;
    for (; rest->count > 0; rest->count--, rest->head = (rest->head + 1) % rest->cap) {
        if (turn_is_long(turn)) {
            shard_post(turn->shard, &call->msg);
            return;
        }
        struct outbox_item *item = outbox_at(rest, 0);
        bool lost = item->sequence ? handover_failed(a, item->sequence) : false;
        deliver_again(turn, a, full, item, lost);
        wire_unref(&item->wire);
    }
    outbox_free(rest);
    free(r);
    account_job_end(turn, a);
}

static void session_reroute(struct turn *turn, struct session *s) {
    if (s->outbox.count > 0) {
        struct reroute *r = msg_new(MSG_CALL, sizeof *r + s->full_len, 0);
        r->call.run = reroute_run;
        r->call.msg.from = turn->shard->index;
        r->account = s->account;
        r->rest = s->outbox;
        r->full_len = s->full_len;
        memcpy(r->full, s->full, s->full_len);
        s->outbox = (struct outbox){0};
        account_job_begin(s->account);
        reroute_run(turn, &r->call);
    }
    session_unproven_lost(s);
}

static void session_leave(struct turn *turn, struct session *s) {
    for (const struct feature *const *f = features; *f; f++) {
        if ((*f)->session_ended) (*f)->session_ended(turn, s);
    }
    list_remove(&s->in_account);
    handle_give(s->account->im, s);
}

void session_end(struct turn *turn, struct session *s, enum stream_error error, struct str text) {
    if (s->ending) return;
    s->ending = true;
    outbox_discount(s);
    copy_disable(s);
    struct account *a = s->account;
    account_job_begin(a); /* holds the account while its last session leaves */
    LOG(LOG_DEBUG, "session-end", F_STR("session", session_full(s)), F_STR("why", stream_error_name(error)));
    session_leave(turn, s);
    if (s->stream) {
        struct stream *stream = s->stream;
        acks_tell_held(s);
        stream->session = NULL;
        s->stream = NULL;
        stream_close(turn, stream, error, text);
    }
    session_reroute(turn, s);
    sm_free(turn, s);
    outbox_free(&s->outbox);
    if (handover_flood_is_to(a, s)) {
        handover_flood_ends(a, a->flood->at + 1);
        handover_advance(turn, a);
    }
    loop_undefer(turn->shard->loop, &s->acking);
    wire_unref(&s->presence);
    quiet_forget(s);
    free(s);
    account_left(turn, a);
    account_job_end(turn, a);
}

void session_lost(struct turn *turn, struct session *s) {
    s->stream = NULL;
    if (s->sm && s->sm->id[0]) {
        sm_hibernate(turn, s);
    } else {
        session_end(turn, s, STREAM_ERR_NONE, STR_NONE);
    }
}

/* --- from its client --- */

/* RFC 6120 8.1.2.1: a client may name itself, bare or full, or nothing. */
static bool session_is_sender(struct arena *arena, const struct session *s, struct str from) {
    if (!from.p || str_eq(from, session_full(s))) return true;
    struct jid jid;
    if (jid_parse(arena, from, &jid) != 0) return false;
    return str_eq(jid_str(jid), session_full(s)) || str_eq(jid_str(jid), account_bare(s->account));
}

/* The element with the right `from`, and the stream's language where it names none (RFC 6120 8.1.5). */
static struct xml_node *session_stamp(struct arena *arena, const struct session *s, const struct xml_node *el) {
    struct xml_node *mine = xml_copy_shallow(arena, el);
    xml_set(arena, mine, STR("from"), session_full(s));
    if (s->stream && s->stream->lang[0] && !xml_attr_ns(mine, XML_NS_XML, STR("lang")).p) {
        xml_set_ns(arena, mine, XML_NS_XML, STR("lang"), str_c(s->stream->lang));
    }
    return mine;
}

static void session_trace(const struct session *s, const char *direction, struct str bytes) {
    LOG(LOG_INFO, "trace", F_C("direction", direction), F_STR("session", session_full(s)), F_STR("stanza", bytes));
}

static void session_trace_node(struct turn *turn, const struct session *s, const struct xml_node *el) {
    if (s->account->traced) session_trace(s, "in", xml_string(turn->arena, el, STR_NONE));
}

void session_receive(struct turn *turn, struct session *s, const struct xml_node *el, size_t len) {
    (void)len;
    s->account->im->stanzas_in++;
    session_trace_node(turn, s, el);
    if (!session_is_sender(turn->arena, s, xml_attr(el, STR("from")))) {
        stream_fail(turn, s->stream, STREAM_ERR_INVALID_FROM, STR_NONE);
        return;
    }
    uint32_t number = ++s->received;
    struct stanza stanza;
    enum stanza_error error = stanza_read(turn->arena, el, &stanza);
    stanza.from = session_jid(s);
    stanza.el = session_stamp(turn->arena, s, el);
    if (error != STANZA_ERR_NONE) {
        if (!stanza_is_answer(&stanza)) {
            stanza.to = JID_NONE;
            struct xml_node *reply = stanza_error_reply(turn->arena, &stanza, error, STR_NONE);
            struct str to = xml_attr(el, STR("to"));
            xml_set(turn->arena, reply, STR("from"), to.p ? to : account_bare(s->account));
            session_send_node(turn, s, reply);
        }
        session_decided(turn, s, number);
        return;
    }
    router_out(turn, s, &stanza, number);
}

void session_decided(struct turn *turn, struct session *s, uint32_t number) {
    if (s->sm) sm_decided(turn, s, number);
}

void session_charge(struct session *s, uint32_t bytes) {
    s->in_flight += bytes;
}

void session_discharge(struct session *s, uint32_t bytes) {
    CHECK(s->in_flight >= bytes);
    s->in_flight -= bytes;
    if (s->stream && s->stream->choked) session_defer(s);
}

static void on_acking(struct loop_deferred *deferred) {
    struct session *s = CONTAINER_OF(deferred, struct session, acking);
    struct turn *turn = shard_turn(s->account->im->shard);
    if (s->overflowed) {
        session_end(turn, s, STREAM_ERR_RESOURCE_CONSTRAINT, STR("Too much waits to be acknowledged."));
        return;
    }
    acks_tell(turn, s);
    outbox_flush(turn, s);
    if (s->stream) stream_unchoke(turn, s->stream); /* last: it may end the session */
}

/* --- to its client --- */

void session_defer(struct session *s) {
    loop_defer(s->account->im->shard->loop, &s->acking);
}

void session_write(struct turn *turn, struct session *s, struct wire *wire) {
    if (!s->stream) return;
    struct buf *scratch = &s->account->im->scratch;
    buf_clear(scratch);
    wire_write(wire, session_full(s), scratch);
    if (s->account->traced) session_trace(s, "out", buf_str(scratch));
    struct peer *peer = s->stream->peer;
    peer->ops->write(peer, buf_str(scratch));
    acks_tell_held(s);
    (void)turn;
}

enum { UNPROVEN_MIN = 8, PROOF_MS = 3000, WRITE_NOW_MAX = 4096 };

/* Without stream management arrival is proven by the answer to a ping. */
void session_wrote(struct session *s, int64_t sequence) {
    if (sequence == 0) return;
    struct unproven *u = s->unproven;
    if (!u || u->count == u->cap) {
        uint32_t count = u ? u->count : 0, asked = u ? u->asked : 0, cap = u ? u->cap * 2 : UNPROVEN_MIN;
        s->unproven = u = realloc(u, sizeof *u + cap * sizeof *u->sequences);
        CHECK(u != NULL);
        *u = (struct unproven){asked, count, cap};
    }
    u->sequences[u->count++] = sequence;
    if (u->asked == 0 && s->stream) stream_wake(s->stream, PROOF_MS);
}

bool session_must_prove(const struct session *s) {
    return s->unproven && s->unproven->asked == 0;
}

void session_asked_proof(struct session *s) {
    if (session_must_prove(s)) s->unproven->asked = s->unproven->count;
}

void session_proven_all(struct turn *turn, struct session *s) {
    if (s->unproven) s->unproven->asked = s->unproven->count;
    session_proven(turn, s);
}

void session_has_read(struct turn *turn, struct session *s) {
    session_proven_all(turn, s);
    for (uint32_t i = 0; i < s->outbox.written; i++) {
        struct outbox_item *item = outbox_at(&s->outbox, i);
        if (item->sequence) handover_done(turn, s->account, item->sequence);
        item->sequence = 0;
    }
}

void session_proven(struct turn *turn, struct session *s) {
    struct unproven *u = s->unproven;
    if (!u) return;
    for (uint32_t i = 0; i < u->asked; i++) handover_done(turn, s->account, u->sequences[i]);
    u->count -= u->asked;
    if (u->count == 0) {
        free(u);
        s->unproven = NULL;
        return;
    }
    memmove(u->sequences, u->sequences + u->asked, u->count * sizeof *u->sequences);
    u->asked = 0;
    if (s->stream) stream_wake(s->stream, PROOF_MS);
}

/* What waits before it comes first, a full socket has no room, and a large one for many sessions would be a long step. */
static bool session_writes_now(const struct session *s, const struct wire *wire) {
    const struct peer *peer = s->stream ? s->stream->peer : NULL;
    return peer && !s->overflowed && outbox_is_written(&s->outbox) && wire->len <= WRITE_NOW_MAX &&
           !peer->ops->is_full(peer);
}

void session_send(struct turn *turn, struct session *s, struct wire *wire, int64_t sequence) {
    if (s->ending) return;
    if (s->quiet && map_count(&s->held)) quiet_flush(turn, s);
    s->account->im->stanzas_out++;
    if (sequence) handover_begin(s->account, sequence);
    bool is_now = session_writes_now(s, wire);
    if (s->sm || !is_now) outbox_add(s, wire, sequence);
    if (s->overflowed) return;
    if (!is_now) {
        if (s->stream) session_defer(s);
    } else if (s->sm) {
        outbox_write_next(turn, s);
        sm_wrote(turn, s);
    } else {
        session_write(turn, s, wire);
        session_wrote(s, sequence);
    }
}

void session_send_node(struct turn *turn, struct session *s, const struct xml_node *el) {
    struct wire *wire = wire_from(el);
    session_send(turn, s, wire, 0);
    wire_unref(&wire);
}

bool session_is_full(const struct session *s) {
    if (!s->stream || s->stream->peer->ops->is_full(s->stream->peer)) return true;
    const struct options *o = &s->account->im->server->options;
    if (s->outbox.unwritten_bytes > o->output_high / 4) return true;
    return s->sm && (s->outbox.count > o->sm_queue / 2 || s->outbox.bytes > o->sm_queue_bytes / 2);
}
