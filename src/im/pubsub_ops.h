/* pubsub_ops.h: the operations of publish-subscribe, each on a worker (struct pubsub_op's run): for pubsub_table.c and one another. */
#ifndef CONFAB_IM_PUBSUB_OPS_H
#define CONFAB_IM_PUBSUB_OPS_H

#include "im/pubsub.h"

int pubsub_publish(struct db *db, struct pubsub_request *r);
int pubsub_retract(struct db *db, struct pubsub_request *r);
int pubsub_items(struct db *db, struct pubsub_request *r);

int pubsub_create(struct db *db, struct pubsub_request *r);
int pubsub_configure_get(struct db *db, struct pubsub_request *r);
int pubsub_configure_set(struct db *db, struct pubsub_request *r);
int pubsub_default(struct db *db, struct pubsub_request *r);
int pubsub_delete(struct db *db, struct pubsub_request *r);
int pubsub_purge(struct db *db, struct pubsub_request *r);

int pubsub_subscribe(struct db *db, struct pubsub_request *r);
int pubsub_unsubscribe(struct db *db, struct pubsub_request *r);
int pubsub_subscriptions(struct db *db, struct pubsub_request *r);
int pubsub_affiliations(struct db *db, struct pubsub_request *r);
int pubsub_subscribers_get(struct db *db, struct pubsub_request *r);
int pubsub_subscribers_set(struct db *db, struct pubsub_request *r);
int pubsub_affiliates_get(struct db *db, struct pubsub_request *r);
int pubsub_affiliates_set(struct db *db, struct pubsub_request *r);

int pubsub_disco_items(struct db *db, struct pubsub_request *r);
int pubsub_disco_info(struct db *db, struct pubsub_request *r);

/* Not for this asker: forbidden, or, when it may not know of the node, as if there were none. Always returns 0. */
int pubsub_forbid(struct pubsub_request *r, const struct node_row *node, const struct person_row *person);
/* The last item as an event's inside; empty: there is none. */
int pubsub_last_item(struct db *db, struct pubsub_request *r, const struct node_row *node, struct str *out);

#endif
