/* prefs.h: which messages an account's archive holds for good: what its owner has said (XEP-0441), else [archive] default. */
#ifndef CONFAB_IM_PREFS_H
#define CONFAB_IM_PREFS_H

#include "im/account.h"
#include "store/prefs.h"

/* What the owner has said. Sorted by address. */
struct prefs {
    enum option_archive policy;
    uint32_t count, never; /* addresses; of these, how many are not archived */
    struct prefs_listed listed[];
};

/* A copy of rows, which need not be sorted: one allocation; NULL of policy 0. */
struct prefs *prefs_new(const struct prefs_row *row);
/* On any worker: as they stand in the database. policy: of the account's row. */
int prefs_load(struct db *db, int64_t account, int policy, struct prefs **out);

enum option_archive prefs_policy(const struct account *account);
/* Messages with that person. */
bool prefs_want(const struct account *account, struct jid peer);
/* All messages: who reads the archive misses nothing. */
bool prefs_want_all(const struct account *account);

#endif
