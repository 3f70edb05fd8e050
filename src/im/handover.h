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
/* A client that reads archives has come: everything up to now is its own business. False: not on this server, whose archives are not complete. */
bool handover_all(struct turn *turn, struct account *account);

#endif
