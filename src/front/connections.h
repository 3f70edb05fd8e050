/*
 * connections.h: how many connections there are, in all and from where, over all gates and shards. A mutex guards the table: it is touched once when
 * a connection comes and once when it goes, wherever that is. Loopback counts towards the whole alone, unless a proxy told the address.
 */
#ifndef CONFAB_FRONT_CONNECTIONS_H
#define CONFAB_FRONT_CONNECTIONS_H

#include "im/im.h"
#include "net/conn.h"

/* False: one of the limits is reached; nothing was counted. Any thread. */
bool connections_enter(const struct net_address *peer, struct server *server);
/* `arg` is the server: fits conn_limits.on_free. */
void connections_leave(void *arg, const struct net_address *peer);
/* A proxy has told the real address. False: over its limit (the old one stays counted). */
bool connections_move(const struct net_address *from, const struct net_address *to, struct server *server);

#endif
