/*
 * items.h: nodes of publish-subscribe, their items and the people with a part in them, as rows. Plain synchronous functions; a worker
 * calls them inside a job. Who may do what is decided elsewhere (im/pubsub.h).
 */
#ifndef CONFAB_STORE_ITEMS_H
#define CONFAB_STORE_ITEMS_H

#include "base/arena.h"
#include "store/db.h"
#include "xmpp/pubsub.h"

struct node_row {
    int64_t id, account;
    struct str name;
    struct pubsub_config config;
    int64_t newest, count, bytes;
};

/* Strings in the arena. ERR_NOT_FOUND. */
int nodes_find(struct db *db, struct arena *arena, int64_t account, struct str name, struct node_row *out);
/* By name. `row` is borrowed. */
int nodes_each(struct db *db, struct arena *arena, int64_t account, bool (*each)(void *arg, const struct node_row *row),
               void *arg);
/* ERR_EXISTS; ERR_LIMIT: the account has `max` already; ERR_NOT_FOUND: it was deleted. */
int nodes_create(struct db *db, int64_t account, struct str name, const struct pubsub_config *config, int64_t max,
                 int64_t *out_id);
int nodes_configure(struct db *db, int64_t node, const struct pubsub_config *config);
/* With its items and people. */
int nodes_remove(struct db *db, int64_t node);
/* Bytes of all items of an account. */
int nodes_bytes(struct db *db, int64_t account, int64_t *out);

struct item_row {
    int64_t sequence, published_us;
    struct str name, xml;
};

/* In the place of one of that name, as the newest; then no more than `max` stay, the oldest go. */
int items_put(struct db *db, int64_t node, struct str name, struct str xml, int64_t now_us, int64_t max);
/* Only the `max` newest stay. */
int items_trim(struct db *db, int64_t node, int64_t max);
int items_remove(struct db *db, int64_t node, struct str name); /* ERR_NOT_FOUND */
int items_purge(struct db *db, int64_t node);
/* Strings in the arena. ERR_NOT_FOUND. */
int items_find(struct db *db, struct arena *arena, int64_t node, struct str name, struct item_row *out);
/* Bytes of its XML; ERR_NOT_FOUND. */
int items_size(struct db *db, int64_t node, struct str name, int64_t *out);
/* Its place; ERR_NOT_FOUND. */
int items_place(struct db *db, int64_t node, struct str name, int64_t *out_sequence);

struct items_query {
    int64_t node, after, before; /* exclusive places; 0: no bound */
    uint32_t max;
    bool backwards; /* the newest first */
};
int items_each(struct db *db, const struct items_query *query, bool (*each)(void *arg, const struct item_row *row),
               void *arg);
/* How many stand before that place. */
int items_index(struct db *db, int64_t node, int64_t sequence, int64_t *out);

struct person_row {
    struct str jid;
    int64_t affiliation, subscription; /* enums of xmpp/pubsub.h */
};
/* Zeroes when there is no row. */
int people_find(struct db *db, int64_t node, struct str jid, struct person_row *out);
/* By address. */
int people_each(struct db *db, int64_t node, bool (*each)(void *arg, const struct person_row *row), void *arg);
/* Instead of what was there; nothing is no row. ERR_LIMIT: it would be one more than max. */
int people_put(struct db *db, int64_t node, const struct person_row *row, int64_t max);
int people_count(struct db *db, int64_t node, int64_t *out);
/* The rows of one person (bare, and its full addresses) in all nodes of an account. */
int people_of(struct db *db, int64_t account, struct str bare,
              bool (*each)(void *arg, struct str node, const struct person_row *row), void *arg);

/* Of an account that leaves: some rows at a time (accounts_clear). */
int items_drop(struct db *db, int64_t account, uint32_t max, bool *out_more);

#endif
