/*
 * web.h: plain HTTP on a shard: the built app, host-meta, health, metrics. A gate parses the head of each connection's first request; what is
 * no WebSocket is pushed to the least loaded shard by MSG_HTTP with its bytes unread, and stays there.
 */
#ifndef CONFAB_FRONT_WEB_H
#define CONFAB_FRONT_WEB_H

#include "front/front.h"

struct msg_http {
    struct msg msg;
    struct conn *conn; /* detached; its unread bytes begin with the request */
    bool metrics_only; /* came in by [listen] metrics */
};

/* MSG_HTTP on a shard: takes the connection. */
void web_on_http(struct turn *turn, struct msg *msg);
/* A later request of such a connection wants to be a WebSocket: back to a gate (gate.c). */
struct msg_upgrade {
    struct msg msg;
    struct conn *conn; /* detached; its unread bytes begin with the request */
};
/* At the end: closes what is open on this shard. */
void web_close(struct turn *turn);

/* The files of [server] web_dir, read at start (with .br and .gz beside them). An empty or absent folder: none are served. */
int web_files_load(const char *dir, struct web_files **out);
void web_files_free(struct web_files **files);
/* Prometheus text of this server. */
void metrics_write(struct server *server, struct buf *out);
uint64_t metrics_rss_bytes(void); /* resident memory of this process */
uint64_t metrics_heap_bytes(
    void); /* of it, what is allocated: without what malloc keeps for later. Walks the heap's lists */

#endif
