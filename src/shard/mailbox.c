/*
 * mailbox.c: a stack that producers push onto by compare-and-swap and that the owner takes away whole and turns over.
 * There is no ABA problem, because nobody ever pops a single message. Any thread pushes; one thread takes.
 *
 * The operations on `top` are sequentially consistent: the owner says "I am about to sleep" and then looks here,
 * a producer pushes here and then looks whether the owner sleeps; with anything weaker both may look too early.
 */
#include "shard/mailbox.h"

#include <stddef.h>

bool mailbox_push(struct mailbox *box, struct msg *msg) {
    gauge_add(&box->waiting, msg->bytes);
    atomic_fetch_add_explicit(&box->posted, 1, memory_order_relaxed);
    struct msg *top = atomic_load_explicit(&box->top, memory_order_relaxed);
    do {
        msg->next = top;
    } while (!atomic_compare_exchange_weak(&box->top, &top, msg));
    return top == NULL; /* msg itself may be gone already */
}

struct msg *mailbox_take(struct mailbox *box) {
    if (mailbox_empty(box)) return NULL; /* cheaper than an exchange, and most looks find nothing */
    struct msg *newest = atomic_exchange(&box->top, NULL), *oldest = NULL;
    while (newest) {
        struct msg *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

bool mailbox_handled(struct mailbox *box, uint32_t bytes) {
    return gauge_take(&box->waiting, bytes);
}

bool mailbox_empty(const struct mailbox *box) {
    return atomic_load(&box->top) == NULL;
}
