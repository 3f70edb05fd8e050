/*
 * outbox.c: the queue of one session, and its account's bounds. On the account's home. What must hold: the order in which stanzas were added is
 * that in which they are written; with stream management nothing leaves before it is acknowledged; however many sessions an
 * account has and however slowly they read, strangers cannot fill the memory by writing to it.
 */
#include "im/outbox.h"

#include <stdlib.h>

#include "base/check.h"
#include "im/deliver.h"
#include "im/session.h"

enum { CAP_MIN = 4, ASK_EVERY = 64 /* of many that are written one behind the other */ };

static const struct options *options_of(const struct session *s) {
    return &s->account->im->server->options;
}

/* --- bounds --- */

void outbox_overflow(struct session *s) {
    s->overflowed = true;
    session_defer(s);
}

/* The session to end first: without a connection before one that has it, then the one with most bytes. */
static struct session *largest_of(const struct account *a) {
    struct session *largest = NULL;
    LIST_EACH (&a->sessions, at, after) {
        struct session *s = CONTAINER_OF(at, struct session, in_account);
        if (s->overflowed || s->ending || s->outbox.count == 0) continue;
        bool is_alike = largest && !largest->stream == !s->stream;
        if (!largest || (is_alike ? s->outbox.bytes > largest->outbox.bytes : !s->stream)) largest = s;
    }
    return largest;
}

static void account_bound(struct account *a) {
    const struct options *o = &a->im->server->options;
    if (a->outbox_count <= o->sm_account && a->outbox_bytes <= (uint64_t)o->sm_account_bytes) return;
    int64_t count = a->outbox_count, bytes = (int64_t)a->outbox_bytes;
    LIST_EACH (&a->sessions, at, after) { /* those that are about to end already */
        const struct session *s = CONTAINER_OF(at, struct session, in_account);
        if (!s->overflowed || s->ending) continue;
        count -= s->outbox.count;
        bytes -= s->outbox.bytes;
    }
    for (struct session *s; count > o->sm_account || bytes > o->sm_account_bytes;) {
        if (!(s = largest_of(a))) return;
        count -= s->outbox.count;
        bytes -= s->outbox.bytes;
        outbox_overflow(s);
    }
}

static void session_bound(struct session *s) {
    const struct options *o = options_of(s);
    /* Without stream management only what the socket does not take waits here. */
    bool is_over =
        s->sm ? s->outbox.count > o->sm_queue || s->outbox.bytes > o->sm_queue_bytes : s->outbox.bytes > o->output_max;
    if (is_over) outbox_overflow(s);
    account_bound(s->account);
}

bool outbox_is_filling(const struct session *s) {
    const struct account *a = s->account;
    const struct options *o = options_of(s);
    return s->outbox.count > o->sm_queue / 2 || s->outbox.bytes > o->sm_queue_bytes / 2 ||
           a->outbox_count > o->sm_account / 2 || a->outbox_bytes > (uint64_t)o->sm_account_bytes / 2;
}

/* --- the ring --- */

static void ring_grow(struct outbox *box) {
    uint32_t cap = box->cap ? box->cap * 2 : CAP_MIN;
    struct outbox_item *items = malloc(cap * sizeof *items);
    CHECK(items != NULL);
    for (uint32_t i = 0; i < box->count; i++) items[i] = *outbox_at(box, i);
    free(box->items);
    box->items = items;
    box->head = 0;
    box->cap = cap;
}

void outbox_add(struct session *s, struct wire *wire, int64_t sequence) {
    struct outbox *box = &s->outbox;
    if (box->count == box->cap) ring_grow(box);
    box->count++;
    *outbox_at(box, box->count - 1) =
        (struct outbox_item){wire_ref(wire), sequence, 0, shard_turn(s->account->im->shard)->now_ms};
    box->bytes += wire->len;
    box->unwritten_bytes += wire->len;
    s->account->outbox_count++;
    s->account->outbox_bytes += wire->len;
    session_bound(s);
}

void outbox_drop(struct session *s) {
    struct outbox *box = &s->outbox;
    struct outbox_item *item = outbox_at(box, 0);
    box->bytes -= item->wire->len;
    s->account->outbox_count--;
    s->account->outbox_bytes -= item->wire->len;
    if (box->written > 0) {
        box->written--;
    } else {
        box->unwritten_bytes -= item->wire->len;
    }
    wire_unref(&item->wire);
    box->head = (box->head + 1) % box->cap;
    box->count--;
    if (box->late > 0) box->late--;
    /* With stream management there is always something on its way; without it a ring would lie idle with its session. */
    if (box->count > 0 || (s->sm && box->cap == CAP_MIN)) return;
    free(box->items); /* a burst is over: its memory goes */
    *box = (struct outbox){0};
}

void outbox_rewind(struct outbox *box) {
    box->written = 0;
    box->late = box->count;
    box->unwritten_bytes = box->bytes;
}

void outbox_discount(struct session *s) {
    s->account->outbox_count -= s->outbox.count;
    s->account->outbox_bytes -= s->outbox.bytes;
}

void outbox_free(struct outbox *box) {
    for (uint32_t i = 0; i < box->count; i++) wire_unref(&outbox_at(box, i)->wire);
    free(box->items);
    *box = (struct outbox){0};
}

/* --- writing --- */

/* A message that could not be written when it came, with its time (XEP-0203); NULL: it needs none. */
static struct wire *outbox_late(struct turn *turn, const struct session *s, const struct outbox_item *item) {
    int64_t then_us = turn->wall_us - (turn->now_ms - item->added_ms) * 1000;
    return deliver_late(turn, s->account, item->wire, item->sequence ? item->sequence : then_us);
}

void outbox_write_next(struct turn *turn, struct session *s) {
    struct outbox *box = &s->outbox;
    const struct outbox_item *item = outbox_at(box, box->written);
    box->unwritten_bytes -= item->wire->len;
    struct wire *late = box->written < box->late ? outbox_late(turn, s, item) : NULL;
    box->written++;
    session_write(turn, s, late ? late : item->wire);
    wire_unref(&late);
    if (s->sm) return;
    session_wrote(s, item->sequence);
    outbox_drop(s);
}

void outbox_flush(struct turn *turn, struct session *s) {
    while (s->stream && !outbox_is_written(&s->outbox)) {
        const struct peer *peer = s->stream->peer;
        if (peer->ops->is_full(peer)) {
            stream_ask_drain(s->stream);
            return;
        }
        outbox_write_next(turn, s);
        bool is_end = outbox_is_written(&s->outbox);
        if (s->sm && (is_end || sm_written(s) - s->sm->asked >= ASK_EVERY)) sm_ask(turn, s);
        if (!is_end && turn_is_long(turn)) {
            session_defer(s);
            return;
        }
    }
}
