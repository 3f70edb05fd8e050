/*
 * quiet.h: what a client that nobody looks at need not be woken for (XEP-0352): others' presence waits, the newest of each; typing notices are
 * dropped. All else wakes it, and then what waits goes before. On the account's home.
 */
#ifndef CONFAB_IM_QUIET_H
#define CONFAB_IM_QUIET_H

#include "shard/wire.h"
#include "xmpp/jid.h"
#include "xmpp/stanza.h"

struct session;
struct turn;

void quiet_begin(struct session *session);
/* It is looked at again: what waits goes out. */
void quiet_end(struct turn *turn, struct session *session);
/* Takes a presence, in the place of what `from` said before; false: the session is awake. */
bool quiet_takes(struct turn *turn, struct session *session, struct jid from, struct wire *wire);
/* What waits goes out; the session stays quiet. */
void quiet_flush(struct turn *turn, struct session *session);
void quiet_forget(struct session *session);
/* Of no use later: it says that somebody types, and nothing else. Looks into the element. */
bool quiet_drops(const struct stanza *message);

#endif
