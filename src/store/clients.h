/*
 * clients.h: the apps and devices of an account: what is remembered of those that name themselves at sign-in (XEP-0388's user agent), for the
 * tokens of XEP-0484 and the list of XEP-0494. Plain synchronous functions; a worker calls them inside a job.
 */
#ifndef CONFAB_STORE_CLIENTS_H
#define CONFAB_STORE_CLIENTS_H

#include "store/db.h"

enum { CLIENT_NAME_MAX = 64 };

struct client_row {
    int64_t client; /* keyed hash of its id; 0: none */
    bool known;     /* there is a row of it */
    bool signed_out;
    int64_t first_us, seen_us;
    int64_t token_us, next_us;                               /* when its tokens were made; 0: none */
    char software[CLIENT_NAME_MAX], device[CLIENT_NAME_MAX]; /* UTF-8, NUL-terminated; empty: not told */
};

/* Fills in what is known of out->client. */
int clients_find(struct db *db, int64_t account, struct client_row *out);
/*
 * Writes the row. A new one, or one that made room for others since it was read, is inserted; then those not seen since `forget_us` go, and
 * what is more than `max`, the longest unseen first. ERR_NOT_FOUND: it was signed out, or the account was deleted; nothing is written.
 */
int clients_put(struct db *db, int64_t account, const struct client_row *row, int64_t max, int64_t forget_us);
/* It was here then. */
int clients_seen(struct db *db, int64_t account, int64_t client, int64_t seen_us);
/* Its tokens end; it stays as one that must ask for the password. */
int clients_sign_out(struct db *db, int64_t account, int64_t client);
int clients_remove(struct db *db, int64_t account, int64_t client);
/* Newest first. each: return false to stop. */
int clients_each(struct db *db, int64_t account, bool (*each)(void *arg, const struct client_row *row), void *arg);

#endif
