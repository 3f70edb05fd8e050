/*
 * handover.c: the messages on their way to clients, oldest first: as many as are unacknowledged, found by binary search. The
 * mark is the last sequence before the first entry that nobody has acknowledged.
 */
#include "im/handover.h"

void handover_begin(struct account *a, int64_t sequence) {
    if (sequence <= a->offline_mark) return; /* known to have arrived somewhere already */
    struct ordered_item *h = ordered_find(&a->handovers, sequence);
    if (!h) h = ordered_add(&a->handovers, sequence);
    h->holders++;
}

/* The mark follows the acknowledged head. */
void handover_advance(struct turn *turn, struct account *a) {
    int64_t limit = a->waiting_from ? a->waiting_from - 1 : INT64_MAX;
    if (a->flooder && a->flood_at < limit) limit = a->flood_at;
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
    /* Where archives do not hold everything, they cannot stand in for the hand-over. */
    if (a->im->server->options.archive_default != ARCHIVE_ALWAYS) return false;
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
