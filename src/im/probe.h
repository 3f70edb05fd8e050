/* probe.h: presence asked of accounts that are not in memory: nobody is there, and who may know that stands in the database. They are not loaded for it. */
#ifndef CONFAB_IM_PROBE_H
#define CONFAB_IM_PROBE_H

#include "im/im.h"

/* On the home of these accounts (bare, each ended by '\n'): answers `from` (full or bare) as each of them would. */
void probe_away(struct turn *turn, struct jid from, struct str accounts);

#endif
