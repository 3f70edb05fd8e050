/*
 * stream.c: a signed-in connection on its account's home: success, bind or resume, elements in, rates, dead peers, the end. What must
 * hold: a stream belongs to at most one session; after stream_close or stream_fail neither is touched again; the peer's events stop with it.
 */
#include "im/stream.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/codec.h"
#include "base/log.h"
#include "im/acks.h"
#include "im/bind.h"
#include "im/devices.h"
#include "im/handover.h"
#include "im/iq.h"
#include "im/quiet.h"
#include "im/session.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

static const struct options *stream_options(const struct stream *stream) {
    return &stream->im->server->options;
}

void stream_write(struct turn *turn, struct stream *stream, const struct xml_node *el) {
    struct buf out = BUF_INIT;
    xml_write(&out, el, STR_NONE, true);
    stream->peer->ops->write(stream->peer, buf_str(&out));
    buf_free(&out);
    (void)turn;
}

/* An element that waits; its bytes as they will be parsed again. */
struct held {
    struct held *next;
    size_t len;
    struct buf bytes;
};

static void held_free(struct held *h) {
    buf_free(&h->bytes);
    free(h);
}

/* --- large answers --- */

void stream_ask_drain(struct stream *stream) {
    if (stream->drain_asked) return;
    stream->drain_asked = true;
    stream->peer->ops->ask_drain(stream->peer);
}

/* The socket is full, or it has taken long enough, or what was sent is not even written: the socket will tell. Or too much is
 * unacknowledged: then the next <a/> goes on (sm.c). */
static void stream_drain_wait(struct stream *stream) {
    const struct session *s = stream->session;
    bool is_long = s && (!session_is_full(s) || !outbox_is_written(&s->outbox));
    if (is_long || stream->peer->ops->is_full(stream->peer)) stream_ask_drain(stream);
}

void stream_drain_go(struct turn *turn, struct stream *stream) {
    while (stream->drains && stream->session) {
        if (session_is_full(stream->session)) {
            stream_drain_wait(stream);
            return;
        }
        struct stream_drain *drain = stream->drains;
        stream->drains = drain->next;
        if (!drain->more(turn, stream->session, drain)) {
            drain->next = stream->drains;
            stream->drains = drain;
            stream_drain_wait(stream);
            return;
        }
    }
}

void stream_drain_add(struct turn *turn, struct session *session, struct stream_drain *drain) {
    struct stream *stream = session->stream;
    drain->next = NULL;
    if (!stream) {
        drain->gone(turn, drain);
        return;
    }
    struct stream_drain **at = &stream->drains;
    while (*at) at = &(*at)->next;
    *at = drain;
    if (stream->drains == drain) stream_drain_go(turn, stream);
}

static void crowd_leave(struct stream *stream) {
    if (list_empty(&stream->in_crowd)) return;
    list_remove(&stream->in_crowd);
    stream->im->crowd_count--;
}

/* --- the end --- */

static void stream_free(struct turn *turn, struct stream *stream) {
    for (struct held *h = stream->held, *after; h; h = after) {
        after = h->next;
        held_free(h);
    }
    stream->held = NULL;
    for (struct stream_drain *d = stream->drains, *next; d; d = next) {
        next = d->next;
        d->gone(turn, d);
    }
    if (stream->resuming) stream->resuming->sm->resuming = NULL;
    crowd_leave(stream);
    loop_timer_cancel(turn->shard->loop, &stream->timer);
    loop_undefer(turn->shard->loop, &stream->going);
    struct account *account = stream->account;
    list_remove(&stream->in_im);
    free(stream->adopt);
    stream->dead = true;
    if (!stream->busy) free(stream);
    account_job_end(turn, account);
}

void stream_close(struct turn *turn, struct stream *stream, enum stream_error error, struct str text) {
    CHECK(stream->session == NULL);
    struct peer *peer = stream->peer;
    stream_free(turn, stream);
    peer->ops->close(peer, error, text);
}

void stream_fail(struct turn *turn, struct stream *stream, enum stream_error error, struct str text) {
    LOG(LOG_INFO, "stream-error", F_STR("account", account_bare(stream->account)),
        F_STR("error", stream_error_name(error)), F_STR("why", text));
    if (stream->session) {
        session_end(turn, stream->session, error, text);
    } else {
        stream_close(turn, stream, error, text);
    }
}

/* The connection goes, the session may stay (it hibernates or ends by its own rules). */
static void stream_abandon(struct turn *turn, struct stream *stream, enum stream_error error) {
    struct session *session = stream->session;
    stream->session = NULL;
    if (session) session->stream = NULL;
    stream_close(turn, stream, error, STR_NONE);
    if (session) session_lost(turn, session);
}

/* --- dead peers and rates --- */

void stream_wake(struct stream *stream, int64_t within_ms) {
    int64_t due = shard_turn(stream->im->shard)->now_ms + within_ms;
    if (stream->timer.due_ms == 0 || stream->timer.due_ms > due)
        loop_timer_set(stream->im->shard->loop, &stream->timer, due);
}

static bool stream_prove(struct turn *turn, struct stream *stream) {
    struct session *s = stream->session;
    if (!s || s->sm || !session_must_prove(s)) return false;
    iq_ping(turn, s);
    return true;
}

static void stream_ask_alive(struct turn *turn, struct stream *stream) {
    stream->asked = true;
    stream->asked_ms = turn->now_ms;
    if (stream->peer->ops->ping(stream->peer)) return;
    if (stream->session) iq_ping(turn, stream->session);
}

/* What an account may still send before its streams are paused: one measure for all of them, so that another sign-in gives nothing new. */
static void refill(struct stream *stream, int64_t now_ms) {
    const struct options *o = stream_options(stream);
    struct account_rate *rate = &stream->account->rate;
    int64_t elapsed = now_ms - rate->refilled_ms;
    if (elapsed <= 0) return;
    rate->refilled_ms = now_ms;
    int64_t bytes = rate->bytes_left + elapsed * o->bytes_per_s / 1000;
    int64_t stanzas_m = rate->stanzas_left + elapsed * o->stanzas_per_s; /* thousandths */
    rate->bytes_left = (int32_t)(bytes > o->bytes_burst ? o->bytes_burst : bytes);
    rate->stanzas_left = (int32_t)(stanzas_m > o->stanzas_burst * 1000 ? o->stanzas_burst * 1000 : stanzas_m);
}

/* How long until what was taken is earned again; 0: nothing is owed. */
static int64_t stream_debt_ms(const struct stream *stream) {
    const struct options *o = stream_options(stream);
    const struct account_rate *rate = &stream->account->rate;
    if (rate->bytes_left >= 0 && rate->stanzas_left >= 0) return 0;
    int64_t for_bytes = rate->bytes_left < 0 ? -(int64_t)rate->bytes_left * 1000 / o->bytes_per_s : 0;
    int64_t for_stanzas = rate->stanzas_left < 0 ? -(int64_t)rate->stanzas_left / o->stanzas_per_s : 0;
    return (for_bytes > for_stanzas ? for_bytes : for_stanzas) + 10;
}

static bool stream_go_on(struct turn *turn, struct stream *stream);
static bool stream_must_wait(struct stream *stream);

static void on_timer(struct loop_timer *timer, int64_t now_ms) {
    struct stream *stream = CONTAINER_OF(timer, struct stream, timer);
    struct turn *turn = shard_turn(stream->im->shard);
    const struct options *o = stream_options(stream);
    if (stream->paused) {
        refill(stream, now_ms);
        int64_t debt_ms = stream_debt_ms(stream);
        if (debt_ms) { /* a relay went on for a while */
            loop_timer_set(stream->im->shard->loop, timer, now_ms + debt_ms);
            return;
        }
        stream->paused = false;
        if (stream->holds == 0 && !stream_go_on(turn, stream)) return;
    }
    if (stream->adopt && !stream->session && !stream->resuming && now_ms >= stream->adopt->unbound_until_ms) {
        stream_fail(turn, stream, STREAM_ERR_CONNECTION_TIMEOUT, STR("Binding took too long."));
        return;
    }
    if (stream->holds || stream->held) { /* it is not read: its silence says nothing */
        loop_timer_set(stream->im->shard->loop, timer, now_ms + o->dead_ms);
        return;
    }
    stream_prove(turn, stream);
    struct peer_facts facts;
    stream->peer->ops->facts(stream->peer, &facts);
    if (stream->asked && facts.heard_ms > stream->asked_ms) stream->asked = false;
    int64_t silent = now_ms - facts.heard_ms;
    if (stream->asked && now_ms - stream->asked_ms >= o->dead_ms) {
        stream_abandon(turn, stream, STREAM_ERR_CONNECTION_TIMEOUT);
        return;
    }
    if (!stream->asked && silent >= o->idle_ping_ms) stream_ask_alive(turn, stream);
    int64_t due = stream->asked ? stream->asked_ms + o->dead_ms : facts.heard_ms + o->idle_ping_ms;
    loop_timer_set(stream->im->shard->loop, timer, due > now_ms ? due : now_ms + 10);
    if (stream->session && stream->session->sm) sm_ask_in_time(turn, stream->session);
}

void stream_charge(struct stream *stream, uint32_t stanzas) {
    if (stream_options(stream)->rates)
        stream->account->rate.stanzas_left -= (int32_t)(stanzas < 1000 ? stanzas : 1000) * 1000;
}

/* Takes the cost of one element; when too much has been taken the connection is not read for a while. */
static void stream_take(struct turn *turn, struct stream *stream, size_t len) {
    const struct options *o = stream_options(stream);
    if (!o->rates) return;
    refill(stream, turn->now_ms);
    stream->account->rate.bytes_left -= (int32_t)len;
    stream->account->rate.stanzas_left -= 1000;
    int64_t debt_ms = stream_debt_ms(stream);
    if (stream->paused || debt_ms == 0) return;
    stream->paused = true;
    stream->peer->ops->pause(stream->peer);
    stream_wake(stream, debt_ms);
}

/* --- SASL success --- */

/* How it signed in is of no more use. */
static void stream_forget_adoption(struct stream *stream) {
    if (!stream->session || stream->success_due) return;
    free(stream->adopt);
    stream->adopt = NULL;
}

void stream_bound(struct stream *stream, struct session *session) {
    stream->session = session;
    session->connection_ms = stream->since_ms;
    stream_forget_adoption(stream);
}

/* The <success/> of either profile. `inside`: what SASL2 nests in it (NULL: nothing). */
static void stream_success(struct turn *turn, struct stream *stream, struct xml_node *inside,
                           struct xml_node *inside2) {
    struct arena *arena = turn->arena;
    struct str data = stream->adopt->success;
    struct str coded = data.p ? base64_encode(arena, data) : STR_NONE;
    stream->success_due = false;
    struct xml_node *success = xml_new(arena, stream->sasl2 ? NS_SASL2 : NS_SASL, STR("success"));
    if (!stream->sasl2) {
        if (coded.p) xml_add_text(arena, success, coded);
    } else {
        if (coded.p) xml_add_text(arena, xml_add(arena, success, NS_SASL2, STR("additional-data")), coded);
        struct str who = stream->session ? session_full(stream->session) : account_bare(stream->account);
        xml_add_text(arena, xml_add(arena, success, NS_SASL2, STR("authorization-identifier")), who);
        if (inside) xml_append(success, inside);
        if (inside2) xml_append(success, inside2);
        struct xml_node *token = device_token(turn, stream);
        if (token) xml_append(success, token);
    }
    stream_write(turn, stream, success);
    stream_forget_adoption(stream);
}

void stream_features(struct turn *turn, struct stream *stream) {
    struct arena *arena = turn->arena;
    struct xml_node *features = xml_new(arena, NS_STREAM, STR("features"));
    if (!stream->session) {
        xml_add(arena, features, NS_BIND, STR("bind"));
        struct xml_node *session = xml_add(arena, features, NS_SESSION, STR("session"));
        xml_add(arena, session, NS_SESSION, STR("optional"));
    }
    xml_add(arena, features, NS_SM, STR("sm"));
    xml_add(arena, features, NS_CSI, STR("csi"));
    xml_add(arena, features, NS_ROSTER_VER, STR("ver"));
    xml_add(arena, features, NS_PRE_APPROVAL, STR("sub"));
    const struct options *o = stream_options(stream);
    struct xml_node *limits = xml_add(arena, features, NS_LIMITS, STR("limits"));
    xml_add_text(arena, xml_add(arena, limits, NS_LIMITS, STR("max-bytes")),
                 arena_printf(arena, "%lld", (long long)o->stanza_bytes));
    xml_add_text(arena, xml_add(arena, limits, NS_LIMITS, STR("idle-seconds")),
                 arena_printf(arena, "%lld", (long long)(o->idle_ping_ms + o->dead_ms) / 1000));
    stream_write(turn, stream, features);
}

void stream_resumed(struct turn *turn, struct stream *stream, struct session *session, struct xml_node *resumed) {
    stream->resuming = NULL;
    if (stream->adopt->client.client) session->client = stream->adopt->client.client;
    stream_bound(stream, session);
    if (stream->success_due) {
        stream_success(turn, stream, resumed, NULL);
    } else {
        stream_write(turn, stream, resumed);
    }
    LOG(LOG_INFO, "resumed", F_STR("session", session_full(session)));
}

static struct xml_node *sm_failed_node(struct turn *turn) {
    struct xml_node *failed = xml_new(turn->arena, NS_SM, STR("failed"));
    xml_add(turn->arena, failed, NS_STANZA_ERRORS, STR("item-not-found"));
    return failed;
}

bool stream_is_stale(const struct stream *stream, const struct session *session) {
    /* Also while it waits for its client to come back. */
    const struct stream *next = session->sm ? session->sm->resuming : NULL;
    return (next ? next->since_ms : session->connection_ms) > stream->since_ms;
}

/* True: the session is found and has answered or will, or the stream is gone. *out_failed: what to say otherwise. */
static bool stream_resume(struct turn *turn, struct stream *stream, const struct xml_node *resume,
                          struct xml_node **out_failed) {
    unsigned long long h;
    struct session *s = sm_find(stream->account, xml_attr(resume, STR("previd")));
    if (s && stream_is_stale(stream, s)) {
        stream_fail(turn, stream, STREAM_ERR_CONFLICT, STR("The session goes on over a newer connection."));
        return true;
    }
    if (s && str_to_u64(xml_attr(resume, STR("h")), UINT32_MAX, &h) &&
        (uint32_t)h - s->sm->acked <= s->outbox.written) {
        sm_resume(turn, s, stream, (uint32_t)h);
        return true;
    }
    *out_failed = sm_failed_node(turn);
    return false;
}

/* SASL2: everything in one round: resume, else bind. */
static void stream_inline(struct turn *turn, struct stream *stream) {
    struct xml_scope scope = {.default_ns = STR_NONE};
    struct xml_node *request = NULL, *failed = NULL, *bound = NULL;
    struct str bytes = arena_dup(turn->arena, stream->adopt->inline_request);
    if (bytes.len) xml_parse(turn->arena, bytes, &scope, &stream->im->server->limits_unauthenticated, &request);
    if (request) device_signs_in(turn, stream, request);
    const struct xml_node *resume = request ? xml_child(request, NS_SM, STR("resume")) : NULL;
    if (resume && stream_resume(turn, stream, resume, &failed)) return;
    const struct xml_node *bind = request ? xml_child(request, NS_BIND2, STR("bind")) : NULL;
    if (bind) {
        bound = bind2(turn, stream, request, bind);
        if (!bound) return; /* refused: the stream is gone */
    }
    stream_success(turn, stream, bound, failed);
    stream_features(turn, stream);
}

/* --- events of the peer --- */

static void on_header(struct turn *turn, void *owner, const struct xml_node *header, struct str default_ns) {
    struct stream *stream = owner;
    struct str lang = xml_attr_ns(header, XML_NS_XML, STR("lang"));
    if (lang.p && lang.len < sizeof stream->lang) {
        memcpy(stream->lang, lang.p, lang.len);
        stream->lang[lang.len] = 0;
    }
    char id[23];
    random_id(id);
    stream->peer->ops->open(stream->peer, str_c(id), str_c(stream->lang));
    struct str to = xml_attr(header, STR("to"));
    struct str domain;
    if (stream->session || stream->opened) {
        stream_fail(turn, stream, STREAM_ERR_NOT_WELL_FORMED, STR("The stream is open already."));
    } else if (!str_eq(default_ns, NS_CLIENT)) {
        stream_fail(turn, stream, STREAM_ERR_INVALID_NAMESPACE, STR_NONE);
    } else if (!to.p || jid_prepare_domain(turn->arena, to, &domain) || !str_eq(domain, server_domain(stream->im))) {
        stream_fail(turn, stream, STREAM_ERR_HOST_UNKNOWN, STR_NONE);
    } else {
        stream->opened = true;
        stream_features(turn, stream);
    }
}

/* Signed in, not bound: a request to bind, or a resumption. */
static void stream_unbound(struct turn *turn, struct stream *stream, struct xml_node *el) {
    struct xml_node *failed;
    if (stream->account->id == 0 ||
        stream->account->generation != stream->adopt->generation) { /* removed or changed since the proof */
        stream_fail(turn, stream, STREAM_ERR_NOT_AUTHORIZED, STR_NONE);
    } else if (stream->im->stopping) {
        stream_fail(turn, stream, STREAM_ERR_SYSTEM_SHUTDOWN, STR_NONE);
    } else if (stream->resuming) {
        stream_fail(turn, stream, STREAM_ERR_POLICY_VIOLATION, STR("Wait for the answer to <resume/>."));
    } else if (xml_is(el, NS_SM, STR("resume"))) {
        if (!stream_resume(turn, stream, el, &failed)) stream_write(turn, stream, failed);
    } else if (xml_is(el, NS_SM, STR("enable"))) {
        failed = xml_new(turn->arena, NS_SM, STR("failed"));
        xml_add(turn->arena, failed, NS_STANZA_ERRORS, STR("unexpected-request"));
        stream_write(turn, stream, failed);
    } else if (!bind_iq(turn, stream, el)) {
        stream_fail(turn, stream, STREAM_ERR_NOT_AUTHORIZED, STR("Bind a resource first."));
    }
}

static void stream_dispatch(struct turn *turn, struct stream *stream, struct xml_node *el, size_t len) {
    enum stanza_kind kind;
    if (!stream->session) {
        stream_unbound(turn, stream, el);
    } else if (str_eq(el->ns, NS_CLIENT) && stanza_kind_of(el, &kind)) {
        session_receive(turn, stream->session, el, len);
    } else if (xml_is(el, NS_CSI, STR("inactive"))) {
        quiet_begin(stream->session);
    } else if (xml_is(el, NS_CSI, STR("active"))) {
        quiet_end(turn, stream->session);
    } else if (!sm_receive(turn, stream->session, el)) {
        stream_fail(turn, stream, STREAM_ERR_UNSUPPORTED_STANZA_TYPE, STR_NONE);
    }
}

static void held_add(struct stream *stream, const struct xml_node *el, size_t len) {
    struct held *h = malloc(sizeof *h);
    CHECK(h != NULL);
    *h = (struct held){.len = len, .bytes = BUF_INIT};
    xml_write(&h->bytes, el, STR_NONE, false);
    if (!stream->held) stream->held_end = &stream->held;
    *stream->held_end = h;
    stream->held_end = &h->next;
}

static void stream_end(struct turn *turn, struct stream *stream);

void stream_hold(struct stream *stream) {
    stream->holds++;
    stream->peer->ops->pause(stream->peer);
}

void stream_release(struct turn *turn, struct stream *stream) {
    if (stream->holds == 0 || --stream->holds > 0) return;
    stream_go_on(turn, stream);
}

static void held_dispatch(struct turn *turn, struct stream *stream) {
    struct held *h = stream->held;
    stream->held = h->next;
    struct arena_mark mark = arena_mark(turn->arena);
    struct xml_node *el = xml_parse_own(turn->arena, buf_str(&h->bytes));
    if (el) stream_dispatch(turn, stream, el, h->len);
    arena_release(turn->arena, mark);
    held_free(h);
}

static bool stream_may_go(struct stream *stream) {
    return !stream->dead && stream->holds == 0 && !stream->paused;
}

/* What waited is looked at now, as much as one step has time for, and behind it the connection is read again. False: it has ended over that. */
static bool stream_go_on(struct turn *turn, struct stream *stream) {
    stream->busy++;
    while (stream_may_go(stream) && stream->held && !turn_is_long(turn) && !stream_must_wait(stream)) {
        held_dispatch(turn, stream);
    }
    if (stream_may_go(stream)) {
        if (stream->held) {
            loop_defer(turn->shard->loop, &stream->going);
        } else if (stream->end_held) {
            stream_end(turn, stream);
        } else {
            stream->peer->ops->resume(stream->peer);
        }
    }
    stream->busy--;
    bool is_alive = !stream->dead;
    if (!is_alive && !stream->busy) free(stream);
    return is_alive;
}

static void on_going(struct loop_deferred *deferred) {
    struct stream *stream = CONTAINER_OF(deferred, struct stream, going);
    stream_go_on(shard_turn(stream->im->shard), stream);
}

/* --- what is too full --- */

void stream_crowd(struct stream *stream) {
    if (!list_empty(&stream->in_crowd)) return;
    list_append(&stream->im->crowd, &stream->in_crowd);
    stream->im->crowd_count++;
    stream_hold(stream);
}

static void stream_choke(struct stream *stream) {
    if (stream->choked) return;
    stream->choked = true;
    stream_hold(stream);
}

void stream_unchoke(struct turn *turn, struct stream *stream) {
    if (!stream->choked || stream->session->in_flight > stream_options(stream)->session_waiting / 2) return;
    stream->choked = false;
    stream_release(turn, stream);
}

bool stream_is_modest(const struct stream *stream) {
    const struct options *o = stream_options(stream);
    if (!stream->session || stream->session->in_flight > o->session_waiting / 16) return false;
    const struct account_rate *rate = &stream->account->rate;
    return !o->rates || (rate->bytes_left > o->bytes_burst / 2 && rate->stanzas_left / 1000 > o->stanzas_burst / 2);
}

/* Holds it if what it might send next has no room. */
static bool stream_must_wait(struct stream *stream) {
    if (!stream->session) return false;
    if (stream->session->in_flight > stream_options(stream)->session_waiting) {
        stream_choke(stream);
    } else if (store_is_crowded(stream->im->server->store, stream_is_modest(stream))) {
        stream_crowd(stream);
    }
    return stream->holds > 0;
}

struct relief {
    struct msg_call call;
    uint32_t left; /* of the crowd as it was: who has to wait again waits for the next relief */
};

static void on_relief(struct turn *turn, struct msg_call *call) {
    struct relief *r = (struct relief *)call;
    struct im *im = im_of(turn);
    if (r->left == 0) r->left = im->crowd_count;
    /* Each may have a large stanza in its hand: as many as one step has time for. */
    for (bool goes_on = true; goes_on && r->left > 0 && !list_empty(&im->crowd); r->left--) {
        struct stream *stream = CONTAINER_OF(im->crowd.next, struct stream, in_crowd);
        crowd_leave(stream);
        stream_release(turn, stream);
        goes_on = !turn_is_long(turn);
    }
    if (r->left > 0 && !list_empty(&im->crowd)) {
        shard_post(turn->shard, &r->call.msg);
    } else {
        free(r);
    }
}

void streams_relieved(struct hub *hub) {
    for (uint16_t i = 0; i < hub->shard_count; i++) {
        struct relief *r = msg_new(MSG_CALL, sizeof *r, 0);
        r->call.run = on_relief;
        shard_post(hub->places[i], &r->call.msg);
    }
}

/* --- events of the peer, bound --- */

static void on_element(struct turn *turn, void *owner, struct xml_node *el, size_t len) {
    struct stream *stream = owner;
    stream->asked = false;
    stream_take(turn, stream, len);
    /* A relay may have sent more before it heard of the pause. Acknowledgements make room: they do not wait for it. */
    if (stream->holds || stream->paused || stream->held || (!str_eq(el->ns, NS_SM) && stream_must_wait(stream))) {
        held_add(stream, el, len);
    } else {
        stream_dispatch(turn, stream, el, len);
    }
}

static void on_end(struct turn *turn, void *owner) {
    struct stream *stream = owner;
    if (stream->holds || stream->paused || stream->held) {
        stream->end_held = true; /* what was said before comes first */
    } else {
        stream_end(turn, stream);
    }
}

static void stream_end(struct turn *turn, struct stream *stream) {
    if (stream->session) {
        /* A client that leaves in order has read what had left us; what has not may be lost. */
        bool is_out = outbox_is_written(&stream->session->outbox) && !stream->peer->ops->is_sending(stream->peer);
        if (is_out) session_has_read(turn, stream->session);
        acks_tell_last(stream->session);
        session_end(turn, stream->session, STREAM_ERR_NONE, STR_NONE);
    } else {
        stream_close(turn, stream, STREAM_ERR_NONE, STR_NONE);
    }
}

static const struct {
    enum xml_error xml;
    enum stream_error stream;
} xml_stream_errors[] = {
    {XML_NOT_WELL_FORMED, STREAM_ERR_NOT_WELL_FORMED},   {XML_RESTRICTED, STREAM_ERR_RESTRICTED_XML},
    {XML_BAD_ENCODING, STREAM_ERR_UNSUPPORTED_ENCODING}, {XML_TOO_BIG, STREAM_ERR_POLICY_VIOLATION},
    {XML_TOO_COMPLEX, STREAM_ERR_POLICY_VIOLATION},
};

enum stream_error stream_error_of_xml(enum xml_error error) {
    for (size_t i = 0; i < sizeof xml_stream_errors / sizeof *xml_stream_errors; i++) {
        if (xml_stream_errors[i].xml == error) return xml_stream_errors[i].stream;
    }
    return STREAM_ERR_BAD_FORMAT;
}

static void on_bad(struct turn *turn, void *owner, enum xml_error error) {
    stream_fail(turn, owner, stream_error_of_xml(error),
                error == XML_TOO_BIG ? STR("The stanza is too large.") : STR_NONE);
}

static void on_drained(struct turn *turn, void *owner) {
    struct stream *stream = owner;
    stream->drain_asked = false;
    if (stream->session) outbox_flush(turn, stream->session);
    stream_drain_go(turn, stream);
}

static void on_secure(struct turn *turn, void *owner) {
    (void)turn;
    (void)owner;
}

static void on_lost(struct turn *turn, void *owner, int err) {
    struct stream *stream = owner;
    LOG(LOG_DEBUG, "connection-lost", F_STR("account", account_bare(stream->account)), F_ERR("error", err));
    struct session *session = stream->session;
    struct peer *peer = stream->peer;
    stream->session = NULL;
    if (session) session->stream = NULL;
    stream_free(turn, stream);
    peer->ops->drop(peer);
    if (session) session_lost(turn, session);
}

static const struct peer_events stream_events = {on_header, on_element, on_end, on_bad, on_drained, on_secure, on_lost};

void streams_end(struct turn *turn, struct im *im) {
    /* Each ends itself alone: what follows in the list stays. */
    LIST_EACH (&im->streams, at, after) {
        struct stream *stream = CONTAINER_OF(at, struct stream, in_im);
        if (!stream->session) stream_close(turn, stream, STREAM_ERR_SYSTEM_SHUTDOWN, STR_NONE);
    }
}

/* --- adoption --- */

static struct stream *stream_new(struct turn *turn, struct account *account, struct msg_adopt *m) {
    struct stream *stream = calloc(1, sizeof *stream);
    CHECK(stream != NULL);
    stream->im = im_of(turn);
    list_append(&stream->im->streams, &stream->in_im);
    list_init(&stream->in_crowd);
    stream->account = account;
    stream->peer = m->peer;
    stream->sasl2 = m->sasl2;
    stream->opened = m->sasl2;
    stream->success_due = true;
    stream->since_ms = m->since_ms;
    m->unbound_until_ms = turn->now_ms + stream->im->server->options.unauthenticated_ms;
    stream->adopt = m;
    refill(stream, turn->now_ms); /* of an account that was just loaded: all of it */
    stream->timer.fire = on_timer;
    stream->going.run = on_going;
    if (m->lang.len && m->lang.len < sizeof stream->lang) memcpy(stream->lang, m->lang.p, m->lang.len);
    account_job_begin(account); /* a connection holds its account */
    return stream;
}

static void adopt_refuse(struct turn *turn, struct msg_adopt *m, struct str condition) {
    struct xml_node *failure = xml_new(turn->arena, m->sasl2 ? NS_SASL2 : NS_SASL, STR("failure"));
    xml_add(turn->arena, failure, NS_SASL, condition);
    struct str bytes = xml_string(turn->arena, failure, STR_NONE);
    m->peer->ops->attach(m->peer, turn, &stream_events, NULL);
    m->peer->ops->write(m->peer, bytes);
    m->peer->ops->close(m->peer, STREAM_ERR_NONE, STR_NONE);
    free(m);
}

void stream_adopt(struct turn *turn, struct msg *msg) {
    struct msg_adopt *m = (struct msg_adopt *)msg;
    struct account *account = account_need(turn, m->bare, msg);
    if (!account) return;                                                     /* parked until it is loaded */
    bool is_stale = account->id == 0 || account->generation != m->generation; /* deleted or changed since the proof */
    /* One of its devices was signed out meanwhile: it may be this one. */
    bool is_late = m->client.client && m->looked_us <= account->signed_out_us;
    if (is_stale || is_late || account->im->stopping) {
        bool again = account->failed || account->im->stopping || (account->id && is_late);
        adopt_refuse(turn, m, again ? STR("temporary-auth-failure") : STR("not-authorized"));
        return;
    }
    struct stream *stream = stream_new(turn, account, m);
    struct peer *peer = stream->peer;
    stream->im->logins++;
    stream_wake(stream, stream_options(stream)->unauthenticated_ms + 10);
    stream_wake(stream, stream_options(stream)->idle_ping_ms);
    peer->ops->attach(peer, turn, &stream_events, stream);
    if (stream->sasl2) {
        stream_inline(turn, stream);
    } else {
        peer->ops->restart(peer); /* first: the client may answer the success at once with a new header */
        stream_success(turn, stream, NULL, NULL);
    }
}
