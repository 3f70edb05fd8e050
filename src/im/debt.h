/*
 * debt.h: what another home owes an account here (promise 3) and could not be made good, because a write or the loading of the account
 * failed: it is tried again while the server runs, later and later, and in the order in which it was owed. The rows stay in the table
 * `owed` until then, so a restart loses none.
 */
#ifndef CONFAB_IM_DEBT_H
#define CONFAB_IM_DEBT_H

#include "im/im.h"

/* Of a new debt: rising, so that what is replayed at start keeps its order. */
int64_t debt_number(struct turn *turn);
/* Tries that stanza for `to` again, some time. Copies. */
void debt_again(struct turn *turn, int64_t owed, struct str stanza, struct jid from, struct jid to);
/* An older debt of the same two waits: this one must not overtake it. */
bool debt_is_behind(const struct im *im, int64_t owed, struct jid from, struct jid to);
/* One was made good: the store works again, so the next try need not be far away. */
void debt_settled(struct im *im);
void debts_free(struct im *im);

#endif
