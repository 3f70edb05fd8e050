/* removal.h: the archives of accounts that were removed go from the disk, piece by piece. */
#ifndef CONFAB_IM_REMOVAL_H
#define CONFAB_IM_REMOVAL_H

#include "im/im.h"

struct removal;

/* At start, before the places run; what an earlier run left over goes on. */
struct removal *removal_new(struct server *server);
/* After the threads have ended. */
void removal_free(struct removal **removal);
/* An account was removed. From any place. */
void removal_begin(struct turn *turn, struct removal *removal);

#endif
