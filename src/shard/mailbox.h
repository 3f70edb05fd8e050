/*
 * mailbox.h: many producers, one consumer, no locks. The consumer takes everything at once, oldest first. Messages of
 * one producer keep their order. Bytes in it are counted, for back-pressure and for `confabctl stats`.
 */
#ifndef CONFAB_SHARD_MAILBOX_H
#define CONFAB_SHARD_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "shard/gauge.h"
#include "shard/msg.h"

struct mailbox {
    _Atomic(struct msg *) top;
    struct gauge waiting;        /* inside now, and taken out but not done with (shard_hold) */
    atomic_uint_fast64_t posted; /* messages ever */
};

/* Any thread; consumes the message. True when the box was empty: the owner may need waking. */
bool mailbox_push(struct mailbox *box, struct msg *msg);
/* The owner. A chain by ->next, oldest first; NULL when empty. The caller reports what it has handled with mailbox_handled. */
struct msg *mailbox_take(struct mailbox *box);
/* True: those who waited for it must be told (hub_relieve). */
bool mailbox_handled(struct mailbox *box, uint32_t bytes);
bool mailbox_empty(const struct mailbox *box);

#endif
