/*
 * c2s.h: an XMPP client connection: framing over TCP or WebSocket on a conn, as a struct peer (im/peer.h). It is made by a gate, and
 * handed to the account's home by detaching it there and attaching it here.
 */
#ifndef CONFAB_FRONT_C2S_H
#define CONFAB_FRONT_C2S_H

#include "front/front.h"
#include "im/peer.h"

/* Takes the connection, detached. For a WebSocket the handshake has been answered already. */
struct peer *c2s_new(struct server *server, struct conn *conn, bool websocket);
/* Off its place; nothing of it runs until it is attached elsewhere. Inside one of its events it is the last thing done. */
void c2s_detach(struct peer *peer);
struct conn *c2s_conn(struct peer *peer);
/* STARTTLS: after what was written (<proceed/>) TLS begins, then a new stream. ERR_INVALID: plain bytes came behind the request. */
int c2s_start_tls(struct peer *peer, struct tls_context *ctx);

#endif
