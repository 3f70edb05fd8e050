/*
 * presence.h: availability as a service: what sessions have said, who may know it, and how others learn of it. The stanzas
 * themselves come through features/presence.c, the subscriptions behind it through features/subscription.c.
 */
#ifndef CONFAB_IM_PRESENCE_H
#define CONFAB_IM_PRESENCE_H

#include "im/account.h"
#include "im/hook.h"

/* Somebody's presence for this account's sessions. Dropped when it is blocked or nobody asked to see it. */
void presence_arrived(struct turn *turn, struct account *account, struct jid from, struct wire *wire, bool is_farewell);
/* Somebody asks: the presence of every available session, or unavailable, or `unsubscribed` to those who may not know. */
void presence_probed(struct turn *turn, struct account *account, struct jid from);

/* A session's presence (wire with its full `from`) to all who may see it, and to the account's own sessions. */
void presence_broadcast(struct turn *turn, struct session *session, struct wire *wire);
/* One contact begins (available: all sessions' presence) or ceases (unavailable from all) to see this account. */
void presence_show(struct turn *turn, struct account *account, struct jid contact);
void presence_hide(struct turn *turn, struct account *account, struct jid contact);
/* The session has become available: others' presence for it. */
void presence_ask(struct turn *turn, struct session *session);
/* One contact's presence for all of the account's available sessions. */
void presence_ask_one(struct turn *turn, struct account *account, struct jid contact);
/* It is not available any more; tells everybody who thought so. `el`: the client's unavailable presence, NULL: one of ours. */
void presence_leave(struct turn *turn, struct session *session, const struct xml_node *el);
/* Directed presence was sent (or taken back). False: too many. */
bool presence_directed(struct session *session, struct jid to, bool available);
/* Somebody was blocked: who had directed presence and is blocked now sees its session leave. */
void presence_take_back_blocked(struct turn *turn, struct account *account);

#endif
