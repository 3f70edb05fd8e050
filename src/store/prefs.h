/* prefs.h: what an account wants archived (XEP-0441), as rows. The policy is a column of its account. */
#ifndef CONFAB_STORE_PREFS_H
#define CONFAB_STORE_PREFS_H

#include "store/db.h"

struct prefs_listed {
    struct str jid; /* bare or full; normalised */
    bool always;    /* else never */
};

struct prefs_row {
    int policy; /* 0: the server's; 1 always, 2 roster, 3 never */
    const struct prefs_listed *listed;
    uint32_t count;
};

/* Instead of what was there. */
int prefs_put(struct db *db, int64_t account, const struct prefs_row *prefs);
int prefs_each(struct db *db, int64_t account, bool (*each)(void *arg, const struct prefs_listed *listed), void *arg);

#endif
