/*
 * debt.c: the queue of debts that wait for another try, on the debtors' creditors' home, in the order in which they failed. A try is the
 * stanza in this shard's own mailbox again, as if the other home had sent it now.
 */
#include "im/debt.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/log.h"
#include "im/router.h"

enum { WAIT_FIRST_MS = 1000, WAIT_MAX_MS = 60000, SLICE = 64, SLICE_WAIT_MS = 50 };

struct debt {
    struct link link;
    int64_t owed;
    uint16_t from_len, to_len;
    uint32_t stanza_len;
    char text[]; /* from and to, bare; the stanza */
};

static struct str debt_from(const struct debt *d) {
    return str_of(d->text, d->from_len);
}
static struct str debt_to(const struct debt *d) {
    return str_of(d->text + d->from_len, d->to_len);
}

static void on_due(struct loop_timer *timer, int64_t now_ms) {
    struct im *im = CONTAINER_OF(timer, struct im, debt_timer);
    struct turn *turn = shard_turn(im->shard);
    for (unsigned n = 0; n < SLICE && !list_empty(&im->debt_queue); n++) {
        struct debt *d = CONTAINER_OF(list_pop(&im->debt_queue), struct debt, link);
        struct str stanza = str_of(d->text + d->from_len + d->to_len, d->stanza_len);
        router_send_owed(turn, stanza, jid_trusted(debt_to(d)), d->owed);
        free(d);
    }
    if (!list_empty(&im->debt_queue)) loop_timer_set(im->shard->loop, timer, now_ms + SLICE_WAIT_MS);
}

/* The millisecond, the shard, a counter. */
int64_t debt_number(struct turn *turn) {
    int64_t count = im_of(turn)->debts++ & 0xffff;
    return (turn->wall_us / 1000) << 22 | (int64_t)(turn->shard->index & 63) << 16 | count;
}

void debt_again(struct turn *turn, int64_t owed, struct str stanza, struct jid from, struct jid to) {
    struct im *im = im_of(turn);
    struct str from_bare = jid_bare_str(from), to_bare = jid_bare_str(to);
    struct debt *d = malloc(sizeof *d + from_bare.len + to_bare.len + stanza.len);
    CHECK(d != NULL);
    *d = (struct debt){.owed = owed,
                       .from_len = (uint16_t)from_bare.len,
                       .to_len = (uint16_t)to_bare.len,
                       .stanza_len = (uint32_t)stanza.len};
    memcpy(d->text, from_bare.p, from_bare.len);
    memcpy(d->text + from_bare.len, to_bare.p, to_bare.len);
    memcpy(d->text + from_bare.len + to_bare.len, stanza.p, stanza.len);
    bool is_first = list_empty(&im->debt_queue);
    list_append(&im->debt_queue, &d->link);
    if (!is_first) return; /* the timer is set */
    im->debt_wait_ms = im->debt_wait_ms == 0                ? WAIT_FIRST_MS
                       : im->debt_wait_ms * 2 < WAIT_MAX_MS ? im->debt_wait_ms * 2
                                                            : WAIT_MAX_MS;
    im->debt_timer.fire = on_due;
    loop_timer_set(im->shard->loop, &im->debt_timer, turn->now_ms + im->debt_wait_ms);
    LOG(LOG_WARN, "debt-waits", F_STR("to", to_bare), F_INT("ms", im->debt_wait_ms));
}

bool debt_is_behind(const struct im *im, int64_t owed, struct jid from, struct jid to) {
    LIST_EACH (&im->debt_queue, at, after) {
        const struct debt *d = CONTAINER_OF(at, struct debt, link);
        /* Ids rise, and those of two accounts come from one home. */
        if (d->owed < owed && str_eq(debt_from(d), jid_bare_str(from)) && str_eq(debt_to(d), jid_bare_str(to)))
            return true;
    }
    return false;
}

void debt_settled(struct im *im) {
    im->debt_wait_ms = 0;
}

void debts_free(struct im *im) {
    while (!list_empty(&im->debt_queue)) free(CONTAINER_OF(list_pop(&im->debt_queue), struct debt, link));
}
