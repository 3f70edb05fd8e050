/* copy.h: what one session of an account sends or gets, for its others that want copies (XEP-0280). On the account's home. */
#ifndef CONFAB_IM_COPY_H
#define CONFAB_IM_COPY_H

#include "im/account.h"
#include "im/hook.h"

/* Whether other devices would show this message too. Looks into the element. */
bool copy_is_due(const struct stanza *message);

void copy_enable(struct session *session);
void copy_disable(struct session *session);

/* OUT: the place of this message in what the account's sessions see, where copies of it are made in its turn; NULL: nobody wants any. `wire`:
 * the message without `to`. For account_hold_place or account_queue. */
struct pending *copy_place(struct walk *walk, struct wire *wire);
/* IN: copies for the sessions that the delivery has left out. */
void copy_received(struct walk *walk);
/* What a copy made here is a copy of; any other stanza: itself. */
struct xml_node *copy_forwarded(const struct account *account,
                                struct xml_node *el); /* what holds that; NULL: it is no copy */
struct xml_node *copy_original(const struct account *account, struct xml_node *el);

#endif
