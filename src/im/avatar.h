/*
 * avatar.h: one picture of an account for all programs (XEP-0398). The nodes of XEP-0084 are where it is; the card (XEP-0054) shows it to those who may
 * read the nodes, and takes one from programs that know nothing else; the presence of its sessions names it (XEP-0153).
 */
#ifndef CONFAB_IM_AVATAR_H
#define CONFAB_IM_AVATAR_H

#include "im/pubsub.h"

/* The card, with the picture; a new card, whose picture goes to the nodes. data: none. */
extern const struct pubsub_op avatar_op_card_get, avatar_op_card_set;

/* Worker, behind an operation that has written to that node: the account's row follows. */
int avatar_written(struct db *db, struct pubsub_request *r, struct str node, bool is_publication);
/* The request that has changed it is done: sessions that are available say so. On the account's home. */
void avatar_changed(struct turn *turn, struct account *account, struct str hash);
/* The account has been loaded. */
void avatar_set(struct account *account, struct str hash);
/* Available presence as it goes out: the picture's hash in it. In the turn's arena; `el` itself when there is nothing to say. */
const struct xml_node *avatar_presence(struct turn *turn, const struct account *account, const struct xml_node *el);

#endif
