/*
 * displayed.h: how far each conversation has been read, for a person's other devices: items of a private node (XEP-0490). What is said there moves the
 * inbox's mark too (im/inbox.h), and the other way round, so that programs that know only one of them agree.
 */
#ifndef CONFAB_IM_DISPLAYED_H
#define CONFAB_IM_DISPLAYED_H

#include "im/pubsub.h"

#define DISPLAYED_NODE STR("urn:xmpp:mds:displayed:0")

/* One that a request has moved forward. */
struct displayed_mark {
    struct str peer;
    int64_t sequence; /* of the account's archive */
    struct displayed_mark *next;
};

/* Worker. The place that a <displayed/> names; 0: none of that account's. */
int64_t displayed_sequence(const struct pubsub_request *r, const struct xml_node *displayed);
/* Worker. It will be the inbox's mark when the request is done. */
void displayed_note(struct pubsub_request *r, struct str peer, int64_t sequence);
/* The request is done: marks move. On the account's home; a job for each mark, as many as it returns. */
uint32_t displayed_follow(struct turn *turn, struct account *account, const struct displayed_mark *marks);
/* The inbox's mark has moved: says so in the node. */
void displayed_say(struct turn *turn, struct account *account, struct str peer, int64_t sequence);
/* A client says so in a message to that bare address (server assist): `displayed` is its payload. */
void displayed_assist(struct turn *turn, struct account *account, struct str peer, const struct xml_node *displayed);

#endif
