/*
 * sm.c: stream management (XEP-0198) of one session: what was sent and is not acknowledged, what was received and is not
 * decided, hibernation and resumption. On the account's home. What must hold: the handled count is a prefix, so it stops before the
 * oldest stanza whose fate is open; nothing leaves the queue before the client has acknowledged it.
 */
#include <stdlib.h>

#include "base/check.h"
#include "base/fault.h"
#include "base/log.h"
#include "im/acks.h"
#include "im/feature.h"
#include "im/handover.h"
#include "im/session.h"
#include "xmpp/ns.h"

/*
 * Asking costs an answer, and alone it costs a packet each way: it rides on a stanza, the first after a while and one of each eight, and
 * goes alone only when no stanza has come to carry it for long.
 */
enum { ASK_EVERY = 8, ASK_RIDES_MS = 5000, ASK_ALONE_MS = 30000 };

static struct xml_node *sm_node(struct turn *turn, struct str name) {
    return xml_new(turn->arena, NS_SM, name);
}

static struct str sm_number(struct turn *turn, uint32_t n) {
    return arena_printf(turn->arena, "%u", n);
}

/* --- what was received --- */

uint32_t sm_handled(const struct session *s) {
    const struct ordered_item *first = ordered_first(&s->sm->undecided);
    uint32_t to = first ? (uint32_t)first->key - 1 : s->received;
    return to - s->sm->base;
}

/* Numbers are of 32 bits and begin again; keys go on. */
static int64_t sm_key(const struct sm *sm, uint32_t number) {
    return sm->awaited + (int32_t)(number - (uint32_t)sm->awaited);
}

void sm_await(struct session *s, uint32_t number) {
    struct sm *sm = s->sm;
    if (!sm) return;
    sm->awaited = sm_key(sm, number);
    ordered_add(&sm->undecided, sm->awaited);
}

static void sm_finish_resume(struct turn *turn, struct session *s);

void sm_decided(struct turn *turn, struct session *s, uint32_t number) {
    struct sm *sm = s->sm;
    struct ordered_item *fate = ordered_find(&sm->undecided, sm_key(sm, number));
    if (!fate) return; /* was never open */
    fate->done = true;
    if (ordered_pop_done(&sm->undecided) == 0) return;
    session_defer(s);
    if (!ordered_first(&sm->undecided) && sm->resuming) sm_finish_resume(turn, s);
}

/* --- what was sent --- */

uint32_t sm_written(const struct session *s) {
    return s->sm->acked + s->outbox.written;
}

void sm_ask(struct turn *turn, struct session *s) {
    struct sm *sm = s->sm;
    if (!s->stream || sm->asked == sm_written(s)) return;
    sm->asked = sm_written(s);
    sm->asked_ms = turn->now_ms;
    stream_write(turn, s->stream, sm_node(turn, STR("r")));
}

void sm_ask_in_time(struct turn *turn, struct session *s) {
    if (!s->stream || s->sm->asked == sm_written(s)) return;
    int64_t left_ms = s->sm->asked_ms + ASK_ALONE_MS - turn->now_ms;
    if (left_ms <= 0) {
        sm_ask(turn, s);
    } else {
        stream_wake(s->stream, left_ms);
    }
}

void sm_wrote(struct turn *turn, struct session *s) {
    struct sm *sm = s->sm;
    if (sm_written(s) - sm->asked >= ASK_EVERY || turn->now_ms - sm->asked_ms >= ASK_RIDES_MS || outbox_is_filling(s)) {
        sm_ask(turn, s);
    } else {
        sm_ask_in_time(turn, s);
    }
}

void sm_asked(struct session *s, uint64_t request) {
    if (s->sm && s->outbox.count > 0) outbox_at(&s->outbox, s->outbox.count - 1)->request = request;
}

void sm_answered(struct session *s, uint64_t request) {
    for (uint32_t i = 0; s->sm && i < s->outbox.count; i++) {
        struct outbox_item *item = outbox_at(&s->outbox, i);
        if (item->request == request) item->request = 0;
    }
}

bool sm_acknowledge(struct turn *turn, struct session *s, uint32_t h) {
    struct sm *sm = s->sm;
    uint32_t n = h - sm->acked;
    if (n > s->outbox.written) return false;
    if (n > 0) session_proven_all(turn, s); /* what was written before it counted came before this */
    for (; n > 0; n--) {
        int64_t sequence = outbox_at(&s->outbox, 0)->sequence;
        outbox_drop(s);
        sm->acked++;
        if (sequence) handover_done(turn, s->account, sequence);
    }
    if (s->stream && s->stream->drains) stream_drain_go(turn, s->stream);
    return true;
}

static void sm_too_high(struct turn *turn, struct stream *stream, uint32_t h, uint32_t sent) {
    /* XEP-0198 section 4: undefined-condition with handled-count-too-high. */
    struct str text = arena_printf(turn->arena, "You acknowledged %u stanzas, but only %u were sent.", h, sent);
    struct xml_node *error = stream_error_node(turn->arena, STREAM_ERR_UNDEFINED_CONDITION, text);
    struct xml_node *why = xml_add(turn->arena, error, NS_SM, STR("handled-count-too-high"));
    xml_set(turn->arena, why, STR("h"), sm_number(turn, h));
    xml_set(turn->arena, why, STR("send-count"), sm_number(turn, sent));
    stream_write(turn, stream, error);
    stream_fail(turn, stream, STREAM_ERR_NONE, STR_NONE);
}

/* --- elements --- */

static void sm_failed(struct turn *turn, struct stream *stream, struct str condition) {
    struct xml_node *failed = sm_node(turn, STR("failed"));
    xml_add(turn->arena, failed, NS_STANZA_ERRORS, condition);
    stream_write(turn, stream, failed);
}

static bool xml_true(struct str value) {
    return str_eq(value, STR("true")) || str_eq(value, STR("1"));
}

/* What the client prefers (`max`: seconds, at least one), and no more than the server allows. */
static int64_t sm_resume_ms(const struct options *o, const struct xml_node *enable) {
    unsigned long long wanted_s;
    if (!str_to_u64(xml_attr(enable, STR("max")), (uint64_t)o->sm_resume_ms / 1000, &wanted_s) || wanted_s == 0)
        return o->sm_resume_ms;
    return (int64_t)wanted_s * 1000;
}

struct xml_node *sm_enable(struct turn *turn, struct session *s, const struct xml_node *enable) {
    s->sm = calloc(1, sizeof *s->sm);
    CHECK(s->sm != NULL);
    s->sm->session = s;
    s->sm->base = s->received;
    s->sm->awaited = s->received;
    struct xml_node *enabled = sm_node(turn, STR("enabled"));
    if (!xml_true(xml_attr(enable, STR("resume")))) return enabled;
    random_id(s->sm->id);
    s->sm->resume_ms = sm_resume_ms(&s->account->im->server->options, enable);
    xml_set(turn->arena, enabled, STR("id"), str_c(s->sm->id));
    xml_set(turn->arena, enabled, STR("resume"), STR("true"));
    xml_set(turn->arena, enabled, STR("max"), arena_printf(turn->arena, "%lld", (long long)s->sm->resume_ms / 1000));
    return enabled;
}

bool sm_receive(struct turn *turn, struct session *s, const struct xml_node *el) {
    if (!str_eq(el->ns, NS_SM)) return false;
    struct stream *stream = s->stream;
    if (str_eq(el->name, STR("enable"))) {
        if (s->sm) {
            sm_failed(turn, stream, STR("unexpected-request"));
        } else {
            stream_write(turn, stream, sm_enable(turn, s, el));
        }
    } else if (str_eq(el->name, STR("resume"))) {
        sm_failed(turn, stream, STR("unexpected-request"));
    } else if (!s->sm) {
        stream_fail(turn, stream, STREAM_ERR_POLICY_VIOLATION, STR("Stream management is not enabled."));
    } else if (str_eq(el->name, STR("r"))) {
        acks_asked(turn, s);
    } else if (str_eq(el->name, STR("a"))) {
        unsigned long long h;
        if (!str_to_u64(xml_attr(el, STR("h")), UINT32_MAX, &h)) {
            stream_fail(turn, stream, STREAM_ERR_BAD_FORMAT, STR("<a/> needs h."));
        } else if (!sm_acknowledge(turn, s, (uint32_t)h)) {
            sm_too_high(turn, stream, (uint32_t)h, sm_written(s));
        }
    } else {
        return false;
    }
    return true;
}

/* --- sleep and return --- */

static void on_expiry(struct loop_timer *timer, int64_t now_ms) {
    (void)now_ms;
    struct sm *sm = CONTAINER_OF(timer, struct sm, expiry);
    struct turn *turn = shard_turn(sm->session->account->im->shard);
    session_end(turn, sm->session, STREAM_ERR_NONE, STR_NONE);
}

void sm_hibernate(struct turn *turn, struct session *s) {
    struct im *im = s->account->im;
    s->sm->answers_due = 0; /* <resumed/> tells */
    s->sm->expiry.fire = on_expiry;
    loop_timer_set(im->shard->loop, &s->sm->expiry, turn->now_ms + s->sm->resume_ms);
    LOG(LOG_DEBUG, "session-hibernates", F_STR("session", session_full(s)));
}

struct session *sm_find(const struct account *account, struct str previd) {
    LIST_EACH (&account->sessions, at, after) {
        struct session *s = CONTAINER_OF(at, struct session, in_account);
        if (s->sm && s->sm->id[0] && previd.len == 22 && bytes_equal(previd.p, s->sm->id, 22)) return s;
    }
    return NULL;
}

static void sm_finish_resume(struct turn *turn, struct session *s) {
    struct sm *sm = s->sm;
    struct stream *stream = sm->resuming;
    sm->resuming = NULL;
    loop_timer_cancel(turn->shard->loop, &sm->expiry);
    sm_acknowledge(turn, s, sm->resuming_h);
    struct xml_node *resumed = sm_node(turn, STR("resumed"));
    xml_set(turn->arena, resumed, STR("previd"), str_c(sm->id));
    sm->told = sm_handled(s) + fault_is(FAULT_RESUME_COUNT);
    xml_set(turn->arena, resumed, STR("h"), sm_number(turn, sm->told));
    s->stream = stream;
    s->account->im->resumes++;
    stream_resumed(turn, stream, s, resumed);
    outbox_rewind(&s->outbox);
    if (fault_is(FAULT_RESUME_SKIP) && s->outbox.count > 0) s->outbox.written = 1;
    if (fault_is(FAULT_RESUME_TWICE) && s->outbox.count > 0) session_write(turn, s, outbox_at(&s->outbox, 0)->wire);
    sm->asked = sm->acked;
    outbox_flush(turn, s);
    for (const struct feature *const *f = features; *f; f++) {
        if ((*f)->session_resumed) (*f)->session_resumed(turn, s);
    }
}

void sm_resume(struct turn *turn, struct session *s, struct stream *stream, uint32_t h) {
    if (s->stream) { /* the old connection has not noticed yet that it is dead */
        struct stream *old = s->stream;
        old->session = NULL;
        s->stream = NULL;
        stream_close(turn, old, STREAM_ERR_CONFLICT, STR("The session goes on over another connection."));
        sm_hibernate(turn, s); /* should the new one die before it has it */
    }
    if (s->sm->resuming) { /* two at once: the later one has it */
        struct stream *other = s->sm->resuming;
        other->resuming = NULL;
        stream_close(turn, other, STREAM_ERR_CONFLICT, STR("The session goes on over another connection."));
    }
    session_proven_all(turn, s); /* it has read <enabled/>, which named the session, and all before it */
    s->sm->resuming = stream;
    s->sm->resuming_h = h;
    stream->resuming = s;
    if (!ordered_first(&s->sm->undecided)) sm_finish_resume(turn, s);
}

void sm_free(struct turn *turn, struct session *s) {
    struct sm *sm = s->sm;
    if (!sm) return;
    if (sm->resuming) {
        sm->resuming->resuming = NULL;
        stream_close(turn, sm->resuming, STREAM_ERR_CONFLICT, STR("The session has ended."));
    }
    loop_timer_cancel(turn->shard->loop, &sm->expiry);
    loop_timer_cancel(turn->shard->loop, &sm->telling);
    ordered_free(&sm->undecided);
    free(sm);
    s->sm = NULL;
}
