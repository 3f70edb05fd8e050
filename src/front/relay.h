/*
 * relay.h: a connection that stays at its gate while its session lives elsewhere: all five calls and all events as messages. Between nodes this
 * will be the only way; within one node `[debug] relay = yes` takes it, so that tests run it from the start.
 */
#ifndef CONFAB_FRONT_RELAY_H
#define CONFAB_FRONT_RELAY_H

#include "im/peer.h"

/* On the gate: takes the peer (attached here or not) and gives the far end, to be handed to `home` as if it were the connection itself. */
struct peer *relay_new(struct turn *turn, struct peer *near, struct shard *home);

void relay_on_in(struct turn *turn, struct msg *msg);  /* MSG_PEER_IN, on the home */
void relay_on_out(struct turn *turn, struct msg *msg); /* MSG_PEER_OUT, on the gate */

#endif
