/* roster.h: a contact as the protocol writes it, and the pushes that keep every session's list true. */
#ifndef CONFAB_IM_ROSTER_H
#define CONFAB_IM_ROSTER_H

#include "im/account.h"
#include "shard/wire.h"
#include "xml/node.h"

/* The whole list behind `result`, an empty answer; the caller's. */
struct wire *roster_answer(const struct xml_node *result, const struct account *account, bool with_version);
/* The contact as it is now (or that it is gone) to every session that asked for the roster. */
void roster_push(struct turn *turn, struct account *account, struct str jid);

#endif
