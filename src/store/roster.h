/* roster.h: contacts, subscription requests and blocked addresses of an account, as rows. */
#ifndef CONFAB_STORE_ROSTER_H
#define CONFAB_STORE_ROSTER_H

#include "base/arena.h"
#include "store/batch.h"
#include "store/db.h"
#include "xmpp/jid.h"

/* RFC 6121 appendix A as flags; "pending in" is a row in the requests. */
enum {
    ROSTER_TO = 1,
    ROSTER_FROM = 2,
    ROSTER_ASK = 4 /* pending out */,
    ROSTER_APPROVED = 8 /* pre-approved */,
    ROSTER_LISTED = 16 /* the user sees it; unset: it exists for its flags only */
};

struct roster_row {
    struct str jid; /* bare or not, as the user added it; normalised */
    struct str name;
    struct str groups; /* each followed by '\n' */
    unsigned flags;
};

int roster_each(struct db *db, int64_t account, bool (*each)(void *arg, const struct roster_row *row), void *arg);
/* What `who` (full) is in the rosters of these owners (bare, at most BATCH_MAX): flags, or that it is blocked. Of owners that exist. */
int roster_seen_by(struct db *db, struct jid who, const struct str *owners, uint32_t count,
                   bool (*each)(void *arg, struct str owner, unsigned flags, bool is_blocked), void *arg);
/* Inserts or replaces, and sets the account's roster version. */
int roster_put(struct db *db, int64_t account, const struct roster_row *row, int64_t version);
int roster_remove(struct db *db, int64_t account, struct str jid, int64_t version);

/* Requests to subscribe that wait for an answer, with the whole stanza as it came. */
int requests_each(struct db *db, int64_t account, bool (*each)(void *arg, struct str jid, struct str stanza),
                  void *arg);
int requests_put(struct db *db, int64_t account, struct str jid, struct str stanza, int64_t now_us);
int requests_remove(struct db *db, int64_t account, struct str jid);

int blocked_each(struct db *db, int64_t account, bool (*each)(void *arg, struct str jid), void *arg);
int blocked_put(struct db *db, int64_t account, struct str jid);    /* idempotent */
int blocked_remove(struct db *db, int64_t account, struct str jid); /* jid STR_NONE: all */

/*
 * What one home owes another (promise 3): a stanza recorded in the transaction of its cause, removed in the transaction of
 * its effect (or when it needs none), replayed at start. `id` comes from the caller, unique for ever (random).
 */
int owed_put(struct db *db, int64_t id, struct str from_bare, struct str to_bare, struct str stanza);
int owed_remove(struct db *db, int64_t id);
int owed_each(struct db *db,
              bool (*each)(void *arg, int64_t id, struct str from_bare, struct str to_bare, struct str stanza),
              void *arg);

#endif
