/*
 * handover.c: the list of messages on their way to clients, oldest first. It is short: as long as what is unacknowledged. The
 * mark is the last sequence before the first entry that nobody has acknowledged.
 */
#include "im/handover.h"

#include <stdlib.h>

#include "base/check.h"

static struct handover *handover_find(const struct account *a, int64_t sequence) {
    /* From the young end: live messages are the newest. */
    for (struct link *at = a->handovers.prev; at != &a->handovers; at = at->prev) {
        struct handover *h = CONTAINER_OF(at, struct handover, link);
        if (h->sequence == sequence) return h;
        if (h->sequence < sequence) return NULL;
    }
    return NULL;
}

void handover_begin(struct account *a, int64_t sequence) {
    if (sequence <= a->offline_mark) return; /* known to have arrived somewhere already */
    struct handover *h = handover_find(a, sequence);
    if (h) {
        h->holders++;
        return;
    }
    h = calloc(1, sizeof *h);
    CHECK(h != NULL);
    h->sequence = sequence;
    h->holders = 1;
    struct link *at = a->handovers.prev;
    while (at != &a->handovers && CONTAINER_OF(at, struct handover, link)->sequence > sequence) at = at->prev;
    list_prepend(at, &h->link); /* behind `at` */
}

/* The mark follows the acknowledged head. */
void handover_advance(struct turn *turn, struct account *a) {
    int64_t limit = a->waiting_from ? a->waiting_from - 1 : INT64_MAX;
    if (a->flooder && a->flood_at < limit) limit = a->flood_at;
    while (!list_empty(&a->handovers)) {
        struct handover *h = CONTAINER_OF(a->handovers.next, struct handover, link);
        if (!h->acked || h->sequence > limit) return;
        account_mark(turn, a, h->sequence);
        list_remove(&h->link);
        free(h);
    }
}

void handover_done(struct turn *turn, struct account *a, int64_t sequence) {
    struct handover *h = handover_find(a, sequence);
    if (!h) return;
    h->acked = true;
    if (h->holders > 0) h->holders--;
    handover_advance(turn, a);
}

bool handover_failed(struct account *a, int64_t sequence) {
    struct handover *h = handover_find(a, sequence);
    if (!h) return false;
    if (h->holders > 0) h->holders--;
    return h->holders == 0 && !h->acked;
}

bool handover_all(struct turn *turn, struct account *a) {
    /* Where archives do not hold everything, they cannot stand in for the hand-over. */
    if (a->im->server->options.archive_default != ARCHIVE_ALWAYS) return false;
    LIST_EACH (&a->handovers, at, after) {
        list_remove(at);
        free(CONTAINER_OF(at, struct handover, link));
    }
    a->waiting_from = 0;
    account_mark(turn, a, a->last_sequence);
    return true;
}

bool handover_is_held(const struct account *a, int64_t sequence) {
    const struct handover *h = handover_find(a, sequence);
    return h && (h->acked || h->holders > 0);
}

void handover_wait(struct account *a, int64_t sequence) {
    if (a->waiting_from == 0 || sequence < a->waiting_from) a->waiting_from = sequence;
}
