/* search.h: opens the index for searching (store/search.h), and clears the log of what it has seen to. */
#ifndef CONFAB_IM_SEARCH_H
#define CONFAB_IM_SEARCH_H

#include "im/im.h"
#include "store/search.h"

struct searching;

/* Sets server->search. `vfs` as in db_options. */
struct searching *searching_new(struct server *server, const char *vfs);
/* After the store was closed: its readers search. */
void searching_free(struct searching **searching);

#endif
