/*
 * acks.c: when a client is told what is handled (XEP-0198's h), asked or not. On the account's home.
 *
 * At once, as long as the shard has time: the app makes a tick of it. A packet of its own costs as much as the delivery of the message,
 * so a shard that acknowledges much lets each wait for company: a stanza for that client, or the next acknowledgement, which
 * replaces it. The more it acknowledges the longer: then there is more to save. Who asks waits no longer than who does not (decision 014). The
 * wait is bounded, and an older count is never wrong: a client that resumes is told anew. What must hold: h is computed between two
 * stanzas, because while one is handled it is counted already and may still become undecided.
 */
#include "im/acks.h"

#include "im/im.h"
#include "im/session.h"
#include "xmpp/ns.h"

enum { HOLD_MS = 250, HOLD_MS_MAX = 1000, LOOK_MS = 100, ANSWERS_MAX = 16 };

/* A quarter of a second for each `acks_busy` a second; 0: the shard has time. */
static int64_t hold_ms_at(int64_t rate, int64_t busy) {
    if (rate < busy) return 0;
    int64_t hold_ms = busy ? HOLD_MS * rate / busy : HOLD_MS;
    return hold_ms < HOLD_MS_MAX ? hold_ms : HOLD_MS_MAX;
}

static int64_t acks_hold_ms(struct im *im, int64_t now_ms) {
    struct acks *k = &im->acks;
    int64_t passed_ms = now_ms - k->since_ms;
    if (passed_ms >= LOOK_MS) {
        k->hold_ms = hold_ms_at(k->moves * 1000 / passed_ms, im->server->options.acks_busy);
        k->since_ms = now_ms;
        k->moves = 0;
    }
    k->moves++;
    return k->hold_ms;
}

/* Something was told meanwhile, perhaps all of it; but a question has an answer. */
static bool has_news(const struct sm *sm) {
    return sm->answers_due || (int32_t)(sm->to_tell - sm->told) > 0;
}

static void acks_write(struct session *s) {
    struct sm *sm = s->sm;
    struct buf *scratch = &s->account->im->scratch;
    struct peer *peer = s->stream->peer;
    sm->told = sm->to_tell;
    buf_clear(scratch);
    buf_printf(scratch, "<a xmlns='%s' h='%u'/>", NS_SM.p, sm->told);
    do { /* each question has an answer of its own */
        peer->ops->write(peer, buf_str(scratch));
    } while (sm->answers_due && --sm->answers_due);
}

static void on_telling(struct loop_timer *timer, int64_t now_ms) {
    (void)now_ms;
    struct sm *sm = CONTAINER_OF(timer, struct sm, telling);
    if (sm->session->stream && has_news(sm)) acks_write(sm->session);
}

/* Now, or with others. */
static void acks_gather(struct turn *turn, struct session *s) {
    struct sm *sm = s->sm;
    int64_t hold_ms = acks_hold_ms(s->account->im, turn->now_ms);
    if (hold_ms == 0 || sm->answers_due == ANSWERS_MAX) {
        acks_write(s);
    } else if (sm->telling.due_ms == 0) {
        sm->telling.fire = on_telling;
        loop_timer_set(turn->shard->loop, &sm->telling, turn->now_ms + hold_ms);
    }
}

void acks_tell(struct turn *turn, struct session *s) {
    if (!s->stream || !s->sm) return;
    uint32_t h = sm_handled(s);
    if (h == s->sm->told) return;
    s->sm->to_tell = h;
    acks_gather(turn, s);
}

void acks_asked(struct turn *turn, struct session *s) {
    s->sm->to_tell = sm_handled(s);
    s->sm->answers_due++;
    acks_gather(turn, s);
}

void acks_tell_held(struct session *s) {
    struct sm *sm = s->sm;
    if (!s->stream || !sm || sm->telling.due_ms == 0) return;
    loop_timer_cancel(s->account->im->shard->loop, &sm->telling);
    if (has_news(sm)) acks_write(s);
}

void acks_tell_last(struct session *s) {
    if (!s->stream || !s->sm) return;
    s->sm->to_tell = sm_handled(s);
    if (has_news(s->sm)) acks_write(s);
}
