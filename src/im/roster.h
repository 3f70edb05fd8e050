/* roster.h: a contact as the protocol writes it, and the pushes that keep every session's list true. */
#ifndef CONFAB_IM_ROSTER_H
#define CONFAB_IM_ROSTER_H

#include "im/account.h"
#include "xml/node.h"

/* <item/> appended to `query`. */
void roster_item(struct arena *arena, struct xml_node *query, const struct contact *contact);
/* The contact as it is now (or that it is gone) to every session that asked for the roster. */
void roster_push(struct turn *turn, struct account *account, struct str jid);

#endif
