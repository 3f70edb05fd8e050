/*
 * route.h: what routes that need more than one turn have of web.c. An exchange is one request, there for the call only; a route that takes a
 * body, or answers later, holds the connection until it has answered. Body bytes come under back-pressure, answers leave piece by piece.
 * The shard that has the connection runs all of it.
 */
#ifndef CONFAB_FRONT_ROUTE_H
#define CONFAB_FRONT_ROUTE_H

#include "front/web.h"
#include "net/http.h"

struct web_conn;

/* One request and what its answer needs. */
struct exchange {
    struct web_conn *w;
    struct server *server;
    struct turn *turn;
    const struct http_request *request;
    bool keep_alive;
};

struct route_ops {
    /* Bytes of the body, in order, never more than it has; all are taken. */
    void (*body)(struct turn *turn, void *route, struct str bytes);
    /* All that was written has left (route_ask_drain). */
    void (*drained)(struct turn *turn, void *route);
    /* The connection is gone and must not be touched any more. Not after route_end or route_break. */
    void (*gone)(struct turn *turn, void *route);
};

/* The connection is the route's, stopped, until route_end, route_break or gone. */
struct web_conn *route_hold(struct exchange *x, const struct route_ops *ops, void *route);
uint64_t route_body_left(const struct web_conn *w);
/* No body for now; and: it may come (says "100 Continue" if that is awaited). */
void route_stop(struct web_conn *w);
void route_go(struct web_conn *w);
/* Status line and the headers that every answer has. What is left of the body when the answer begins is not read: the connection ends then. */
void route_head(struct web_conn *w, struct turn *turn, int status, uint64_t length, struct buf *out);
bool route_head_only(const struct web_conn *w); /* HEAD: no body may follow */
void route_write(struct web_conn *w, struct str bytes);
/* Much at once, when all that was written has left. */
void route_write_now(struct web_conn *w, struct str bytes);
void route_ask_drain(struct web_conn *w);
void route_end(struct web_conn *w);   /* the answer is whole */
void route_break(struct web_conn *w); /* it never will be: the connection ends */

/* media.c: /upload/ and /files/. False: not one of its paths. */
bool media_route(struct exchange *x);
/* export.c: /export/. */
bool export_route(struct exchange *x);

#endif
