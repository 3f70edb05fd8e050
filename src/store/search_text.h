/* search_text.h: what of a message can be found. */
#ifndef CONFAB_STORE_SEARCH_TEXT_H
#define CONFAB_STORE_SEARCH_TEXT_H

#include "base/arena.h"
#include "xmpp/terms.h"

/* The words of a stored message's bodies; none of one that is encrypted, whose body is no more than a note that it is. */
struct terms search_text(struct arena *arena, struct str stanza);

#endif
