/*
 * handover.c: the messages on their way to clients, oldest first: as many as are unacknowledged, found by binary search. The
 * mark is the last sequence before the first entry that nobody has acknowledged.
 */
#include "im/handover.h"

#include <stdlib.h>

#include "base/check.h"
#include "im/prefs.h"
#include "im/outbox.h"
#include "im/session.h"

enum { OWED_MAX = 20000 };

void handover_begin(struct account *a, int64_t sequence) {
    if (sequence <= a->offline_mark) return; /* known to have arrived somewhere already */
    struct ordered_item *h = ordered_find(&a->handovers, sequence);
    if (!h) h = ordered_add(&a->handovers, sequence);
    h->holders++;
}

/* The mark follows the acknowledged head. */
void handover_advance(struct turn *turn, struct account *a) {
    int64_t limit = a->waiting_from ? a->waiting_from - 1 : INT64_MAX;
    if (a->flood && a->flood->at < limit) limit = a->flood->at;
    for (const struct ordered_item *h; (h = ordered_first(&a->handovers));) {
        if (!h->done || h->key > limit) return;
        account_mark(turn, a, h->key);
        ordered_pop(&a->handovers);
    }
}

void handover_done(struct turn *turn, struct account *a, int64_t sequence) {
    struct ordered_item *h = ordered_find(&a->handovers, sequence);
    if (!h) return;
    h->done = true;
    if (h->holders > 0) h->holders--;
    handover_advance(turn, a);
}

bool handover_failed(struct account *a, int64_t sequence) {
    struct ordered_item *h = ordered_find(&a->handovers, sequence);
    if (!h) return false;
    if (h->holders > 0) h->holders--;
    return h->holders == 0 && !h->done;
}

bool handover_all(struct turn *turn, struct account *a) {
    /* An archive that does not hold everything cannot stand in for the hand-over. */
    if (!prefs_want_all(a) || a->hidden_newest > a->offline_mark) return false;
    ordered_free(&a->handovers);
    a->waiting_from = 0;
    account_mark(turn, a, a->last_sequence);
    return true;
}

bool handover_is_held(const struct account *a, int64_t sequence) {
    const struct ordered_item *h = ordered_find(&a->handovers, sequence);
    return h && (h->done || h->holders > 0);
}

void handover_wait(struct account *a, int64_t sequence) {
    if (a->waiting_from == 0 || sequence < a->waiting_from) a->waiting_from = sequence;
}

bool handover_waits_behind(const struct account *a, int64_t sequence) {
    return a->waiting_from && a->waiting_from < sequence && !handover_is_held(a, sequence);
}

void handover_waits_no_more(struct account *a, int64_t sequence) {
    if (a->waiting_from == sequence) a->waiting_from = 0;
}

/* --- the flood, and what is owed to whom it is for --- */

void handover_flood_begins(struct account *a, struct session *to, int64_t at) {
    CHECK(!a->flood);
    a->flood = calloc(1, sizeof *a->flood);
    CHECK(a->flood != NULL);
    a->flood->to = to;
    a->flood->at = at;
}

bool handover_flood_is_to(const struct account *a, const struct session *s) {
    return a->flood && a->flood->to == s;
}

void handover_owe(struct account *a, int64_t sequence) {
    struct handover_flood *f = a->flood;
    struct ordered_item *owed = ordered_find(&f->owed, sequence);
    if (!owed) owed = ordered_add(&f->owed, sequence);
    owed->done = false;
    owed->holders = sequence <= f->at; /* given back by another session: the flood has passed it and comes again */
    if (ordered_count(&f->owed) > OWED_MAX) outbox_overflow(f->to); /* it reads nothing */
}

bool handover_pay(struct account *a, int64_t sequence) {
    struct ordered_item *owed = a->flood ? ordered_find(&a->flood->owed, sequence) : NULL;
    if (!owed || owed->done) return false;
    owed->done = true;
    ordered_pop_done(&a->flood->owed);
    return true;
}

int64_t handover_owed(const struct account *a) {
    const struct ordered_item *first = a->flood ? ordered_first(&a->flood->owed) : NULL;
    return first ? first->key : 0;
}

void handover_paid_to(struct account *a, int64_t sequence) {
    struct ordered *all = &a->flood->owed;
    struct ordered_item *owed = ordered_first(all);
    for (uint32_t n = ordered_count(all); n > 0 && owed->key <= sequence; n--, owed++) {
        owed->done |= owed->holders == 0;
        owed->holders = 0;
    }
    ordered_pop_done(all);
}

void handover_flood_ends(struct account *a, int64_t unread) {
    int64_t owed = handover_owed(a);
    if (owed) handover_wait(a, owed);
    if (unread) handover_wait(a, unread);
    if (!a->flood) return;
    ordered_free(&a->flood->owed);
    free(a->flood);
    a->flood = NULL;
}
