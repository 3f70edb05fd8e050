/* retention.h: old messages go ([archive] keep). */
#ifndef CONFAB_STORE_RETENTION_H
#define CONFAB_STORE_RETENTION_H

#include "store/db.h"

/*
 * Of the `max` (256 at most) messages behind *cursor, a message's id, those go whose places in their archives are all at or below `upto`:
 * the oldest of each archive first, for both owners, with their origins. *cursor moves; *out_more: it is worth going on behind it.
 * Writer.
 */
int archive_expire(struct db *db, int64_t upto, uint32_t max, int64_t *cursor, bool *out_more);

#endif
