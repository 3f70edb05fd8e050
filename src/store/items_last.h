/* items_last.h: the last items of many accounts' nodes for one person, some statements for all of them. On any worker. */
#ifndef CONFAB_STORE_ITEMS_LAST_H
#define CONFAB_STORE_ITEMS_LAST_H

#include "store/batch.h"
#include "store/items.h"
#include "xmpp/jid.h"

/* A node that has items and sends its last one unasked, and what the person is to its owner. Borrowed. */
struct last_node_row {
    int64_t node;
    struct str owner, name;
    struct pubsub_config config; /* access, message, flags, groups */
    unsigned roster;             /* flags of the person in the owner's roster (store/roster.h) */
    struct str groups;           /* there */
    struct person_row person;    /* in the node */
};

/* Nodes of at most BATCH_MAX owners (bare) who do not block the person `who` (full), in the order of their numbers. */
int items_last_nodes(struct db *db, struct jid who, const struct str *owners, uint32_t count,
                     bool (*each)(void *arg, const struct last_node_row *row), void *arg);
/* The newest item of each of at most BATCH_MAX nodes, in the order of their numbers. `each` false: enough. */
int items_last(struct db *db, const int64_t *nodes, uint32_t count,
               bool (*each)(void *arg, int64_t node, const struct item_row *row), void *arg);

#endif
