/*
 * handover.h: which archived messages were written to a client but are not yet known to have arrived. The offline mark of an
 * account moves only over messages that some client has acknowledged, so a crash or a dead socket loses none.
 */
#ifndef CONFAB_IM_HANDOVER_H
#define CONFAB_IM_HANDOVER_H

#include "im/account.h"

/* An item of account.handovers: holders are sessions that have it unacknowledged; done: some client has acknowledged it. */

/* One more session holds it (called by session_send). */
void handover_begin(struct account *account, int64_t sequence);
/* That session's client has it. */
void handover_done(struct turn *turn, struct account *account, int64_t sequence);
/* That session died with it. True: nobody else holds or has it; it is to be delivered again, now or when somebody comes. */
bool handover_failed(struct account *account, int64_t sequence);
/* Moves the mark over what is acknowledged (again, when a flood has ended). */
void handover_advance(struct turn *turn, struct account *account);
/* Some client has it, or has it on the way. */
bool handover_is_held(const struct account *account, int64_t sequence);
/* Nobody has it: it waits for a client that is given what it missed. */
void handover_wait(struct account *account, int64_t sequence);
/* True: nobody has it, and older ones wait as well. */
bool handover_waits_behind(const struct account *account, int64_t sequence);
/* Of the newest: somebody has it on the way after all. */
void handover_waits_no_more(struct account *account, int64_t sequence);
/*
 * account.flood: while a client is given what it missed, what comes for it waits in the archive. It is owed: whatever other devices
 * acknowledge or read meanwhile, it is written when the flood reaches it.
 */
struct handover_flood {
    struct session *to;
    int64_t at;          /* how far it has come; the mark cannot pass this meanwhile */
    struct ordered owed; /* what came for it meanwhile, by sequence */
};
/* There is none; it has come to `at`. */
void handover_flood_begins(struct account *account, struct session *to, int64_t at);
bool handover_flood_is_to(const struct account *account, const struct session *session);
void handover_owe(struct account *account, int64_t sequence);
/* True: it was owed, and now is not any more. */
bool handover_pay(struct account *account, int64_t sequence);
int64_t handover_owed(const struct account *account); /* the oldest; 0: none */
/* The archive has been read so far: what was owed there is paid, or gone; but for what came when it had been passed. */
void handover_paid_to(struct account *account, int64_t sequence);
/* The flood is over. What is owed waits for the next one, and what it has not read: from `unread` on (0: it has read all). */
void handover_flood_ends(struct account *account, int64_t unread);
/* A client that reads archives has come: everything up to now is its own business. False: not so, its archive does not hold everything. */
bool handover_all(struct turn *turn, struct account *account);

#endif
