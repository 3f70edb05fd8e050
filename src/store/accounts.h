/* accounts.h: who has an account and what proves it. Plain synchronous functions; a worker calls them inside a job. */
#ifndef CONFAB_STORE_ACCOUNTS_H
#define CONFAB_STORE_ACCOUNTS_H

#include "base/arena.h"
#include "store/db.h"
#include "xmpp/sasl.h"

struct account_row {
    int64_t id;         /* the account's number: keys every other table; never reused */
    int64_t generation; /* of the credentials: rises when they change */
    bool deleted;       /* the name stays reserved */
    struct scram_keys sha1, sha256;
    int64_t roster_version;
    int64_t offline_mark;    /* archive sequence up to which messages have been handed over */
    int archive_policy;      /* its owner's (store/prefs.h); 0: the server's */
    int64_t hidden_sequence; /* of the newest row that is or was kept for its delivery alone; 0: there was none */
    int64_t created_us;
    uint8_t avatar[20]; /* store/avatar.h */
    uint8_t avatar_len; /* 0: none */
};

/* ERR_NOT_FOUND also for a name never seen; a deleted one is found, with `deleted`. */
int accounts_find(struct db *db, struct str bare_jid, struct account_row *out);
/* ERR_EXISTS: taken, or reserved by a deleted one. */
int accounts_create(struct db *db, struct str bare_jid, const struct scram_keys *sha1, const struct scram_keys *sha256,
                    int64_t now_us, int64_t *out_id);
int accounts_set_keys(struct db *db, int64_t id, const struct scram_keys *sha1,
                      const struct scram_keys *sha256); /* generation + 1 */
/*
 * The same password, stored better: keys of more iterations than the account has of that hash. Its generation stays. ERR_NOT_FOUND: the
 * credentials are not of that generation any more, or not weaker.
 */
int accounts_upgrade_keys(struct db *db, int64_t id, int64_t generation, enum hash hash, const struct scram_keys *keys);
/* Marks it deleted and removes what is its own: roster, requests, blocks, most files (slots.h). Its archive, and what else may be
 * large, leaves piece by piece: accounts_clear until accounts_leaving finds nobody. */
int accounts_delete(struct db *db, int64_t id, int64_t now_us);
/* A deleted account whose archive has not gone yet; 0: there is none. */
int accounts_leaving(struct db *db, int64_t *out_id);
/* Up to `max` rows of its archive go; when they were the last it has left. */
int accounts_clear(struct db *db, int64_t id, uint32_t max);
int accounts_set_offline_mark(struct db *db, int64_t id, int64_t mark); /* forward only */
/* By address, behind `after`; each: return false to stop. */
int accounts_each(struct db *db, struct str after,
                  bool (*each)(void *arg, struct str bare_jid, const struct account_row *row), void *arg);

#endif
