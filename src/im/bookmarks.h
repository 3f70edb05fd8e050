/*
 * bookmarks.h: bookmarks of rooms are items of a node (XEP-0402). Programs that keep them in private storage (XEP-0048 in XEP-0049) read and write
 * the same items: there is one truth, so nothing echoes.
 */
#ifndef CONFAB_IM_BOOKMARKS_H
#define CONFAB_IM_BOOKMARKS_H

#include "im/pubsub.h"

/* A private storage request is about them. */
bool bookmarks_are(const struct xml_node *storage);
extern const struct pubsub_op bookmarks_op_get, bookmarks_op_set;
/* On a worker: the node was just made by publishing; what private storage had from before becomes its first items. */
int bookmarks_import(struct db *db, struct pubsub_request *r, const struct node_row *node);

/* What a room owes a person's bookmarks (docs/decisions/019-groups.md). */
struct bookmarks_group {
    struct str room, name, nick; /* STR_NONE: none */
    bool belongs;                /* or no longer */
    int64_t owed;                /* settled with it */
};
/* An operation's run, with that as its data: the group's bookmark is made, if there is none yet, or goes. */
int bookmarks_group(struct db *db, struct pubsub_request *r);

#endif
