/* login.h: one connection on a gate from its first byte to a verified proof: stream, STARTTLS, SASL, registration. */
#ifndef CONFAB_FRONT_LOGIN_H
#define CONFAB_FRONT_LOGIN_H

#include "front/gate.h"
#include "im/peer.h"

/* What gates know of each other's... own place: shared by the logins of one gate. */
struct gate {
    struct front *front;
    struct server *server;
    struct shard *place;
    struct listener *listeners[8];
    void *owners[8]; /* of the listeners */
    unsigned listener_count;
    struct link logins, sniffs; /* connections that are not signed in */
    struct throttle *throttle;  /* front's */
    struct loop_timer sweep;
    char offered[2][8][48]; /* login_binding.c: XEP-0474's h by hash and by what is offered; empty: not made yet */
    unsigned next_shard;    /* where the next HTTP connection goes */
    bool closing;
};

/* Takes the peer, which is not attached. websocket or TLS as its facts say. */
void login_start(struct turn *turn, struct gate *gate, struct peer *peer);
/* The gate closes: everybody who has not signed in yet leaves. */
void logins_close(struct turn *turn, struct gate *gate);

#endif
