/*
 * caps.h: what the clients of this shard's sessions want to hear of, by their capabilities (XEP-0115). Each verification string is asked for once and its
 * answer kept, if it hashes to the string; sessions share it. On the session's home.
 */
#ifndef CONFAB_IM_CAPS_H
#define CONFAB_IM_CAPS_H

#include "im/session.h"

struct caps; /* the table of a shard */

struct caps *caps_new(struct im *im);
void caps_free(struct caps **caps); /* no session is left, and no turn will come */

/* The session is available, with this presence. When its set is known, now or later, the last items that it wants are sent (im/lasts.h). */
void caps_seen(struct turn *turn, struct session *session, const struct xml_node *presence);
/* It is not available any more, or ends. */
void caps_forget(struct turn *turn, struct session *session);
/* An answer of a client to the server: true when it was to a question of ours. */
bool caps_on_answer(struct walk *walk);
/* Its client wants to hear of that node ("NODE+notify"). */
bool caps_want(const struct session *session, struct str node);
/* All that it wants to hear of, each ended by '\n'. */
struct str caps_wanted(const struct session *session);

#endif
