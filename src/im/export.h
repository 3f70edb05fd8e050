/* export.h: addresses under which an account's owner fetches all that it has (front/export.c; docs/decisions/015-export.md). Pure; any thread. */
#ifndef CONFAB_IM_EXPORT_H
#define CONFAB_IM_EXPORT_H

#include "im/im.h"

struct export_right {
    struct str bare;
    int64_t generation; /* of the credentials of whoever asked: when they change, it ends */
    int64_t until_us;
};

/* In arena. */
struct str export_url(const struct server *server, struct arena *arena, const struct export_right *right);
/* Of what stands behind /export/. ERR_NOT_FOUND: it is none of ours; ERR_DENIED: it has ended. */
int export_read(const struct server *server, struct arena *arena, struct str path, int64_t now_us,
                struct export_right *out);

#endif
