/*
 * lasts.h: the last items of nodes for a session that has become available (XEP-0163 section 4.3.4): its account's own, and those of the people whose presence it
 * sees, here or not. Read some owners at a time and sent as the socket drains. On the session's home.
 */
#ifndef CONFAB_IM_LASTS_H
#define CONFAB_IM_LASTS_H

#include "im/account.h"

struct lasts;

/* Of nodes with these names (each ended by '\n'; none: nothing is done), of everybody or of `only` (bare; STR_NONE: everybody). */
void lasts_begin(struct turn *turn, struct session *session, struct str wants, struct str only);
/* Something newer of that node is being sent: what was read before is left out. */
void lasts_supersede(struct turn *turn, struct session *session, struct str owner, struct str node);
/* Over a new connection: goes on where it was. */
void lasts_resume(struct turn *turn, struct session *session);
/* It is not available any more, or ends. */
void lasts_end(struct turn *turn, struct session *session);

#endif
