/* retention.h: messages older than [archive] keep leave the archives. */
#ifndef CONFAB_IM_RETENTION_H
#define CONFAB_IM_RETENTION_H

#include "im/im.h"

struct retention;

/* At start, before the places run. NULL: everything is kept. */
struct retention *retention_new(struct server *server);
void retention_free(struct retention **retention);

/* No archive shows what has its place there or before, whether it has gone from the disk or not. 0: all is kept. From any place. */
static inline int64_t retention_gone(const struct server *server) {
    return atomic_load_explicit(&server->archive_gone_us, memory_order_relaxed);
}

#endif
