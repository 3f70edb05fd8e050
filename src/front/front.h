/*
 * front.h: where connections come from: what gates and the web share. struct front is made at start and not changed after, but for
 * the TLS context that SIGHUP swaps.
 */
#ifndef CONFAB_FRONT_FRONT_H
#define CONFAB_FRONT_FRONT_H

#include <pthread.h>

#include "im/im.h"
#include "net/conn.h"
#include "net/listener.h"
#include "net/tls.h"

struct web_files; /* the built app, in memory (front/web_files.h) */

struct front {
    struct server *server;
    pthread_mutex_t tls_lock; /* a swap is rare, a handshake is not short */
    struct tls_context *tls;
    struct net_set *proxies;
    struct throttle *throttle; /* failures and registrations by prefix and account */
    struct conn_limits unauthenticated, authenticated, http;
    struct web_files *files;
    struct gate *gates[16];
};

static inline struct front *front_of(const struct server *server) {
    return (struct front *)server->front;
}
/* A reference to the current one. */
struct tls_context *front_tls(struct front *front);
/* Reads certificate and key again; on failure the old ones stay. */
int front_reload(struct front *front);

/* main.c: made before the threads, gates' listeners open after the owed stanzas were replayed. */
int front_new(struct server *server, struct front **out);
void front_free(struct front **front);

#endif
