/*
 * web.c: HTTP on a shard: one table of routes, then the files of the app. A connection answers one request after the other; a body larger than the
 * socket takes is written piece by piece as it drains, so that a slow reader costs no memory and a fast one no long turn. Everything
 * here runs on the shard that got the connection. What must hold: while an answer is under way nothing more is read; every state of a
 * connection has a time limit; what cannot be understood is answered and closed.
 */
#include "front/web.h"

#include <stdlib.h>
#include <strings.h>

#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "front/route.h"
#include "front/web_files.h"
#include "net/websocket.h"

enum {
    IDLE_MS = 60000, /* between requests */
    HEAD_MS = 15000, /* for the head of one, once it has begun */
    SEND_MS = 60000, /* without any progress while an answer goes out */
    LINGER_MS = 2000,
    REQUESTS_PER_TURN = 32,
    PIECE_BYTES = 65536,
    TURN_BYTES = 256 * 1024, /* written at once, at most */
};

struct web {
    struct shard *place;
    struct link conns;
    unsigned next_gate;
};

enum web_state {
    WEB_IDLE,
    WEB_HEAD,
    WEB_HELD, /* a route has it, until it has answered */
    WEB_SENDING,
    WEB_CLOSING,
};

struct web_conn {
    struct link link;
    struct web *web;
    struct conn *conn;
    struct loop_timer timer;
    enum web_state state;
    bool metrics_only;
    bool keep_alive;   /* after the answer under way */
    struct str rest;   /* of its body; borrowed from the files */
    uint64_t out_seen; /* conn_bytes_out when the timer was set */
    /* Of the request that a route holds. */
    const struct route_ops *ops;
    void *route;
    uint64_t body_left, in_seen; /* bytes of its body that have not come; conn_bytes_in as above */
    bool stopped;                /* the route wants no more of it for now */
    bool expects;                /* "100 Continue" is awaited */
    bool secure, head_only;
};

static struct front *web_front(const struct web *web) {
    return front_of(web->place->hub->server);
}

static void web_conn_free(struct web_conn *w) {
    if (w->state == WEB_HELD) w->ops->gone(shard_turn(w->web->place), w->route);
    loop_timer_cancel(w->web->place->loop, &w->timer);
    list_remove(&w->link);
    conn_free(&w->conn);
    free(w);
}

static void web_conn_set(struct web_conn *w, enum web_state state, int64_t limit_ms) {
    struct loop *loop = w->web->place->loop;
    w->state = state;
    w->out_seen = conn_bytes_out(w->conn);
    w->in_seen = conn_bytes_in(w->conn);
    loop_timer_set(loop, &w->timer, loop_now_ms(loop) + limit_ms);
}

/* --- answers --- */

#define CSP(connect)                                                                                                   \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data: https:; "                     \
    "media-src 'self' blob: https:; connect-src 'self' " connect "wss: https:; font-src 'self'; worker-src 'self'; "   \
    "manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; "                               \
    "require-trusted-types-for 'script'"

static const struct {
    const char *name, *value;
} always[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Permissions-Policy", "geolocation=(), payment=(), usb=()"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
};

/* By our TLS, or by that of a proxy that we trust. */
static bool is_secure(const struct exchange *x) {
    if (x->w->state == WEB_HELD) return x->w->secure;
    struct str proto = x->request ? http_header(x->request, STR("x-forwarded-proto")) : STR_NONE;
    return conn_tls(x->w->conn) || (conn_peer(x->w->conn)->proxied && str_eq(proto, STR("https")));
}

static void answer_head(const struct exchange *x, int status, uint64_t length, struct buf *out) {
    http_head(out, status, x->keep_alive, length, x->turn->wall_us);
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        http_header_add(out, str_c(always[i].name), str_c(always[i].value));
    if (is_secure(x)) http_header_add(out, STR("Strict-Transport-Security"), STR("max-age=31536000"));
}

/* The policy of the app, on all that is not somebody's file. */
static void answer_policy(const struct exchange *x, struct buf *out) {
    bool local = !is_secure(x) && net_address_is_loopback(conn_peer(x->w->conn));
    http_header_add(out, STR("Content-Security-Policy"), local ? STR(CSP("ws: ")) : STR(CSP("")));
}

/* The answer was queued, its first part at least; what follows comes from `rest`. */
static void answer_go_on(struct web_conn *w) {
    size_t written = 0;
    while (w->rest.len && !conn_is_full(w->conn) && written < TURN_BYTES) {
        struct str piece = str_first(w->rest, PIECE_BYTES);
        conn_write(w->conn, piece);
        w->rest = str_from(w->rest, piece.len);
        written += piece.len;
    }
    bool done = w->rest.len == 0 && !conn_is_full(w->conn) && (w->keep_alive || conn_out_len(w->conn) == 0);
    if (!done) { /* one that is to be closed must have left whole: closing gives it only a moment */
        web_conn_set(w, WEB_SENDING, SEND_MS);
        conn_pause(w->conn);
        if (!conn_is_full(w->conn)) conn_ask_drain(w->conn);
    } else if (w->keep_alive) {
        web_conn_set(w, WEB_IDLE, IDLE_MS);
    } else {
        web_conn_set(w, WEB_CLOSING, SEND_MS);
        conn_close(w->conn, LINGER_MS);
    }
}

static void answer_send(struct exchange *x, struct buf *head, struct str body, bool body_stays) {
    struct web_conn *w = x->w;
    BUF_ADD_LIT(head, "\r\n");
    if (x->request && x->request->method == HTTP_HEAD) body.len = 0;
    if (!body_stays) {
        buf_add_str(head, body);
        body.len = 0;
    }
    conn_write(w->conn, buf_str(head));
    buf_free(head);
    w->keep_alive = x->keep_alive;
    w->rest = body;
    answer_go_on(w);
}

/* A body made for this answer. `more`: headers, each with its CRLF. */
static void answer_made(struct exchange *x, int status, const char *type, struct str more, struct str body) {
    struct buf head = BUF_INIT;
    answer_head(x, status, body.len, &head);
    answer_policy(x, &head);
    http_header_add(&head, STR("Content-Type"), str_c(type));
    http_header_add(&head, STR("Cache-Control"), STR("no-store"));
    buf_add_str(&head, more);
    answer_send(x, &head, body, false);
}

static void answer_error(struct exchange *x, int status, struct str more) {
    struct str body = arena_printf(x->turn->arena, "%d %s\n", status, http_reason(status));
    answer_made(x, status, "text/plain; charset=utf-8", more, body);
}

#define ALLOW "Allow: GET, HEAD, OPTIONS\r\n"

/* --- requests that a route holds --- */

struct web_conn *route_hold(struct exchange *x, const struct route_ops *ops, void *route) {
    struct web_conn *w = x->w;
    w->secure = is_secure(x);
    w->head_only = x->request->method == HTTP_HEAD;
    w->keep_alive = x->keep_alive;
    w->body_left = x->request->content_length;
    w->expects = x->request->expect_continue && w->body_left > 0;
    w->ops = ops;
    w->route = route;
    w->stopped = true;
    conn_pause(w->conn);
    web_conn_set(w, WEB_HELD, SEND_MS);
    return w;
}

uint64_t route_body_left(const struct web_conn *w) {
    return w->body_left;
}

void route_stop(struct web_conn *w) {
    w->stopped = true;
    conn_pause(w->conn);
}

void route_go(struct web_conn *w) {
    if (!w->stopped || w->body_left == 0) return;
    w->stopped = false;
    if (w->expects) conn_write(w->conn, STR("HTTP/1.1 100 Continue\r\n\r\n"));
    w->expects = false;
    conn_resume(w->conn);
    web_conn_set(w, WEB_HELD, SEND_MS);
}

void route_head(struct web_conn *w, struct turn *turn, int status, uint64_t length, struct buf *out) {
    if (w->body_left > 0) w->keep_alive = false; /* what follows would be taken for a request */
    struct exchange x = {.w = w, .turn = turn, .keep_alive = w->keep_alive};
    answer_head(&x, status, length, out);
}

void route_write(struct web_conn *w, struct str bytes) {
    conn_write(w->conn, bytes);
}

void route_write_now(struct web_conn *w, struct str bytes) {
    conn_write_now(w->conn, bytes);
}

void route_ask_drain(struct web_conn *w) {
    conn_ask_drain(w->conn);
}

bool route_head_only(const struct web_conn *w) {
    return w->head_only;
}

void route_end(struct web_conn *w) {
    w->ops = NULL;
    w->route = NULL;
    w->rest = STR_NONE;
    w->state = WEB_SENDING;
    answer_go_on(w);
    if (w->state == WEB_IDLE) conn_resume(w->conn);
}

/* The answer breaks off: nobody may take it for whole. */
void route_break(struct web_conn *w) {
    w->ops = NULL;
    w->route = NULL;
    web_conn_set(w, WEB_CLOSING, LINGER_MS);
    conn_close(w->conn, 0);
}

/* What there is of a body. How much was taken. */
static size_t held_body(struct web_conn *w, struct str bytes) {
    if (w->stopped || w->body_left == 0) return 0;
    struct str piece = bytes.len > w->body_left ? str_first(bytes, (size_t)w->body_left) : bytes;
    if (!piece.len) return 0;
    w->body_left -= piece.len;
    if (w->body_left == 0) route_stop(w); /* pipelined requests wait */
    w->ops->body(shard_turn(w->web->place), w->route, piece);
    return piece.len;
}

/* --- host-meta (XEP-0156) --- */

static bool is_host_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-';
}

/* A name is ours when it is the domain or a host inside it: what a stranger writes there must not come back in our answers. */
static bool host_is_ours(const struct server *server, struct str name) {
    struct str domain = server->options.domain;
    if (name.len < domain.len || strncasecmp(name.p + name.len - domain.len, domain.p, domain.len) != 0) return false;
    for (size_t i = 0; i < name.len; i++) {
        if (!is_host_char(name.p[i])) return false;
    }
    return name.len == domain.len || name.p[name.len - domain.len - 1] == '.';
}

/* The port of "address:port". */
static struct str port_of(struct str address) {
    size_t at = address.len;
    while (at > 0 && address.p[at - 1] != ':') at--;
    return at > 0 ? str_from(address, at) : address;
}

/* Where our WebSocket is, by TLS; STR_NONE: nowhere. */
static struct str websocket_url(const struct exchange *x) {
    const struct options *o = &x->server->options;
    struct str host = http_header(x->request, STR("host")), name = str_first(host, str_index(host, ':')),
               port = str_from(host, name.len + 1);
    unsigned long long number;
    bool ours = host_is_ours(x->server, name) && (!str_some(port) || str_to_u64(port, 65535, &number));
    if (!ours) name = o->domain;
    if (!is_secure(x) || !ours) { /* the host's port, if it named one, is not that of our TLS */
        if (!str_some(o->https) && !str_some(o->proxies)) return STR_NONE;
        port = str_some(o->https) ? port_of(o->https) : STR("443");
    }
    bool usual = !str_some(port) || str_eq(port, STR("443"));
    return ARENA_CONCAT(x->turn->arena, STR("wss://"), name, usual ? STR("") : STR(":"), usual ? STR("") : port,
                        STR("/xmpp"));
}

#define CORS "Access-Control-Allow-Origin: *\r\n"
#define WEBSOCKET_REL "urn:xmpp:alt-connections:websocket"

static void serve_host_meta(struct exchange *x) {
    struct str url = websocket_url(x);
    struct str link =
        url.p ? ARENA_CONCAT(x->turn->arena, STR("<Link rel='" WEBSOCKET_REL "' href='"), url, STR("'/>")) : STR("");
    struct str body = ARENA_CONCAT(
        x->turn->arena,
        STR("<?xml version='1.0' encoding='utf-8'?>\n<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>"), link,
        STR("</XRD>\n"));
    answer_made(x, 200, "application/xrd+xml; charset=utf-8", STR(CORS), body);
}

static void serve_host_meta_json(struct exchange *x) {
    struct str url = websocket_url(x);
    struct str link =
        url.p ? ARENA_CONCAT(x->turn->arena, STR("{\"rel\":\"" WEBSOCKET_REL "\",\"href\":\""), url, STR("\"}"))
              : STR("");
    answer_made(x, 200, "application/json", STR(CORS),
                ARENA_CONCAT(x->turn->arena, STR("{\"links\":["), link, STR("]}\n")));
}

/* --- the other routes --- */

static void serve_health(struct exchange *x) {
    answer_made(x, 200, "text/plain; charset=utf-8", STR_NONE, STR("ok\n"));
}

static void serve_metrics(struct exchange *x) {
    struct buf body = BUF_INIT;
    metrics_write(x->server, &body);
    answer_made(x, 200, "text/plain; version=0.0.4; charset=utf-8", STR_NONE, buf_str(&body));
    buf_free(&body);
}

/* Not a right WebSocket handshake, or this would not be here. */
static void serve_xmpp(struct exchange *x) {
    int status = x->request->upgrade ? ws_handshake_check(x->request, STR("xmpp")) : 426;
    answer_error(x, status ? status : 400,
                 status == 426 ? STR("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n")
                               : STR_NONE);
}

static const struct route {
    struct str path;
    void (*serve)(struct exchange *x);
    bool metrics; /* on [listen] metrics, and only there */
    bool cors;
} routes[] = {
    {STR_INIT("/.well-known/host-meta"), serve_host_meta, false, true},
    {STR_INIT("/.well-known/host-meta.json"), serve_host_meta_json, false, true},
    {STR_INIT("/healthz"), serve_health, false, false},
    {STR_INIT("/xmpp"), serve_xmpp, false, false},
    {STR_INIT("/metrics"), serve_metrics, true, false},
};

static const struct route *route_find(const struct exchange *x) {
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
        if (routes[i].metrics == x->w->metrics_only && str_eq(routes[i].path, x->request->path)) return &routes[i];
    }
    return NULL;
}

/* --- files --- */

static void serve_file(struct exchange *x, const struct web_file *file) {
    enum web_coding coding = web_file_choose(file, x->request);
    const struct web_body *body = &file->bodies[coding];
    bool known = web_etag_matches(http_header(x->request, STR("if-none-match")), str_c(body->etag));
    struct buf head = BUF_INIT;
    answer_head(x, known ? 304 : 200, known ? UINT64_MAX : body->bytes.len, &head);
    answer_policy(x, &head);
    if (!known) http_header_add(&head, STR("Content-Type"), str_c(file->type));
    http_header_add(&head, STR("ETag"), str_c(body->etag));
    http_header_add(&head, STR("Cache-Control"), str_c(file->caching));
    if (web_file_varies(file)) http_header_add(&head, STR("Vary"), STR("Accept-Encoding"));
    if (!known && coding != WEB_PLAIN) http_header_add(&head, STR("Content-Encoding"), str_c(web_coding_name(coding)));
    answer_send(x, &head, known ? STR_NONE : body->bytes, true);
}

/* --- requests --- */

static void serve_options(struct exchange *x, bool cors) {
    struct buf head = BUF_INIT;
    answer_head(x, 204, UINT64_MAX, &head);
    answer_policy(x, &head);
    BUF_ADD_LIT(&head, ALLOW);
    if (cors) BUF_ADD_LIT(&head, CORS "Access-Control-Allow-Methods: GET, HEAD, OPTIONS\r\n");
    answer_send(x, &head, STR_NONE, true);
}

static void web_serve(struct exchange *x) {
    const struct http_request *r = x->request;
    const struct route *route = route_find(x);
    const struct web_file *file =
        route || x->w->metrics_only ? NULL : web_files_find(web_front(x->w->web)->files, r->path);
    bool reads = r->method == HTTP_GET || r->method == HTTP_HEAD;
    if (!x->w->metrics_only && (media_route(x) || export_route(x))) return;
    if (r->content_length > 0 ||
        r->chunked) { /* nobody here wants one, and what follows it would be taken for a request */
        x->keep_alive = false;
        answer_error(x,
                     reads || r->method == HTTP_OPTIONS ? 400
                     : route || file                    ? 405
                                                        : 404,
                     reads ? STR_NONE : STR(ALLOW));
    } else if (str_eq(r->target, STR("*"))) {
        serve_options(x, false);
    } else if (!route && !file) {
        answer_error(x, 404, STR_NONE);
    } else if (r->method == HTTP_OPTIONS) {
        serve_options(x, route && route->cors);
    } else if (!reads) {
        answer_error(x, 405, STR(ALLOW));
    } else if (route) {
        route->serve(x);
    } else {
        serve_file(x, file);
    }
}

/* To a gate, with the request unread. The connection is not ours any more. */
static void web_upgrade(struct web_conn *w, size_t consumed) {
    struct web *web = w->web;
    struct hub *hub = web->place->hub;
    struct msg_upgrade *m = msg_new(MSG_UPGRADE, sizeof *m, 0);
    conn_detach_at(w->conn, consumed);
    m->conn = w->conn;
    m->msg.from = web->place->index;
    w->conn = NULL;
    web_conn_free(w);
    shard_post(hub->places[hub->shard_count + web->next_gate++ % hub->gate_count], &m->msg);
}

static bool wants_upgrade(const struct web_conn *w, const struct http_request *r) {
    if (w->metrics_only || !r->upgrade || !str_eq(r->path, STR("/xmpp"))) return false;
    return w->web->place->hub->gate_count > 0 && ws_handshake_check(r, STR("xmpp")) == 0;
}

/* What is no request: the answer, and the end. */
static void web_refuse(struct web_conn *w, int status) {
    struct exchange x = {.w = w, .server = w->web->place->hub->server, .turn = shard_turn(w->web->place)};
    answer_error(&x, status, status == 405 ? STR(ALLOW) : STR_NONE);
}

/* One request at the start of `bytes`: how much was taken; 0: none is there yet, or the connection has left (*out_left). */
static size_t web_take(struct web_conn *w, struct str bytes, size_t before, bool *out_left) {
    struct turn *turn = shard_turn(w->web->place);
    struct http_request *request;
    size_t len = 0;
    int status, err = http_parse(turn->arena, bytes, &request, &len, &status);
    if (err == ERR_AGAIN) {
        if (w->state == WEB_IDLE && bytes.len) web_conn_set(w, WEB_HEAD, HEAD_MS);
        return 0;
    }
    if (err) {
        web_refuse(w, status);
        return bytes.len;
    }
    if (wants_upgrade(w, request)) {
        web_upgrade(w, before);
        *out_left = true;
        return 0;
    }
    struct exchange x = {.w = w,
                         .server = w->web->place->hub->server,
                         .turn = turn,
                         .request = request,
                         .keep_alive = request->keep_alive && request->minor > 0};
    web_serve(&x);
    return len;
}

static size_t on_data(struct conn *conn, struct str bytes) {
    struct web_conn *w = conn_owner(conn);
    size_t done = 0;
    for (unsigned n = 0; n < REQUESTS_PER_TURN; n++) {
        if (w->state == WEB_CLOSING) return bytes.len;
        if (w->state == WEB_SENDING) return done; /* paused */
        if (w->state == WEB_HELD) return done + held_body(w, str_from(bytes, done));
        bool left = false;
        size_t len = web_take(w, str_from(bytes, done), done, &left);
        if (left) return 0;
        if (len == 0) return done;
        done += len;
    }
    if (w->state == WEB_IDLE) { /* others first; goes on when this has left */
        web_conn_set(w, WEB_SENDING, SEND_MS);
        conn_pause(conn);
        conn_ask_drain(conn);
    }
    return done;
}

static void on_drain(struct conn *conn) {
    struct web_conn *w = conn_owner(conn);
    if (w->state == WEB_HELD) {
        w->ops->drained(shard_turn(w->web->place), w->route);
        return;
    }
    if (w->state != WEB_SENDING) return;
    answer_go_on(w);
    if (w->state == WEB_IDLE) conn_resume(conn);
}

static void on_secure(struct conn *conn) {
    (void)conn;
}

static void on_closed(struct conn *conn, int err) {
    (void)err;
    web_conn_free(conn_owner(conn));
}

static const struct conn_ops web_ops = {on_data, on_drain, on_secure, on_closed};

static void on_time(struct loop_timer *timer, int64_t now_ms) {
    (void)now_ms;
    struct web_conn *w = CONTAINER_OF(timer, struct web_conn, timer);
    switch (w->state) {
    case WEB_HEAD:
        web_refuse(w, 408);
        return;
    case WEB_HELD: /* it waits for a worker, or bytes came or went */
        if ((w->stopped && conn_out_len(w->conn) == 0) || conn_bytes_in(w->conn) > w->in_seen ||
            conn_bytes_out(w->conn) > w->out_seen) {
            web_conn_set(w, WEB_HELD, SEND_MS);
            return;
        }
        break;
    case WEB_SENDING:
        if (conn_bytes_out(w->conn) > w->out_seen) {
            web_conn_set(w, WEB_SENDING, SEND_MS);
            return;
        }
        break;
    case WEB_IDLE:
    case WEB_CLOSING:
        break;
    }
    web_conn_free(w);
}

/* --- life --- */

void web_on_http(struct turn *turn, struct msg *msg) {
    struct msg_http *m = (struct msg_http *)msg;
    struct web *web = turn->shard->front;
    if (!web) {
        web = calloc(1, sizeof *web);
        CHECK(web != NULL);
        web->place = turn->shard;
        list_init(&web->conns);
        turn->shard->front = web;
    }
    struct web_conn *w = calloc(1, sizeof *w);
    CHECK(w != NULL);
    w->web = web;
    w->conn = m->conn;
    w->metrics_only = m->metrics_only;
    w->timer.fire = on_time;
    list_append(&web->conns, &w->link);
    conn_attach(w->conn, turn->shard->loop, &web_ops, w);
    web_conn_set(w, WEB_IDLE, IDLE_MS);
    free(m);
}

void web_close(struct turn *turn) {
    struct web *web = turn->shard->front;
    if (!web) return;
    turn->shard->front = NULL;
    LIST_EACH (&web->conns, at, after) web_conn_free(CONTAINER_OF(at, struct web_conn, link));
    free(web);
}
