/*
 * gate.c: accepts connections and finds out what they speak: XMPP goes to login.c, a WebSocket handshake too, other HTTP to the shard with the least to do.
 * Everything here runs on the gate's thread. What must hold: no address takes more connections than its limits; a connection that says
 * nothing is gone in time.
 */
#include "front/gate.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "front/c2s.h"
#include "front/connections.h"
#include "front/login.h"
#include "front/relay.h"
#include "front/throttle.h"
#include "front/web.h"
#include "net/http.h"
#include "net/websocket.h"

enum { SWEEP_MS = 10000 };

enum speaks { SPEAKS_XMPP, SPEAKS_XMPP_TLS, SPEAKS_HTTP, SPEAKS_HTTPS, SPEAKS_METRICS };

struct gate_listener {
    struct gate *gate;
    enum speaks speaks;
};

/* A connection whose first bytes are awaited: a PROXY header, TLS, the head of a request. */
struct sniff {
    struct link link;
    struct gate *gate;
    struct conn *conn;
    struct loop_timer timer;
    struct loop_deferred next; /* what follows, outside of the connection's callbacks */
    enum speaks speaks;
    bool proxied; /* a PROXY header comes first */
    bool is_xmpp; /* ALPN said so */
    bool is_http, is_upgrade, failed;
};

static struct turn *sniff_turn(const struct sniff *s) {
    return shard_turn(s->gate->place);
}

static void sniff_free(struct sniff *s) {
    list_remove(&s->link);
    loop_timer_cancel(s->gate->place->loop, &s->timer);
    loop_undefer(s->gate->place->loop, &s->next);
    free(s);
}

/* --- what follows --- */

static void sniff_to_login(struct sniff *s, bool websocket) {
    struct gate *gate = s->gate;
    struct peer *peer = c2s_new(gate->server, s->conn, websocket);
    conn_detach(s->conn);
    sniff_free(s);
    login_start(shard_turn(gate->place), gate, peer);
}

static void sniff_to_web(struct sniff *s) {
    struct gate *gate = s->gate;
    struct hub *hub = gate->place->hub;
    struct msg_http *m = msg_new(MSG_HTTP, sizeof *m, 0);
    m->conn = s->conn;
    m->metrics_only = s->speaks == SPEAKS_METRICS;
    conn_detach(s->conn);
    conn_set_limits(s->conn, &gate->front->http);
    sniff_free(s);
    struct shard *least = hub->places[gate->next_shard++ % hub->shard_count];
    for (uint16_t i = 0; i < hub->shard_count; i++) {
        struct shard *other = hub->places[i];
        if (gauge_bytes(&other->box.waiting) < gauge_bytes(&least->box.waiting)) {
            least = other;
        }
    }
    shard_post(least, &m->msg);
}

static void sniff_drop(struct sniff *s) {
    struct conn *conn = s->conn;
    sniff_free(s);
    conn_free(&conn);
}

static void sniff_on_next(struct loop_deferred *deferred) {
    struct sniff *s = CONTAINER_OF(deferred, struct sniff, next);
    if (s->failed) {
        sniff_drop(s);
    } else if (s->is_upgrade) {
        sniff_to_login(s, true);
    } else if (s->is_http) {
        sniff_to_web(s);
    } else {
        sniff_to_login(s, false);
    }
}

static void sniff_decide(struct sniff *s) {
    conn_pause(s->conn);
    loop_defer(s->gate->place->loop, &s->next);
}

static void sniff_fail(struct sniff *s) {
    s->failed = true;
    sniff_decide(s);
}

/* --- the first bytes --- */

static bool sniff_is_websocket(const struct http_request *r) {
    return r->upgrade && str_eq(r->path, STR("/xmpp"));
}

/* The head of a request: a right handshake is answered here; all else is the web's business, unread. */
static size_t sniff_http(struct sniff *s, struct str bytes) {
    struct http_request *request;
    size_t len;
    int status;
    int err = http_parse(sniff_turn(s)->arena, bytes, &request, &len, &status);
    if (err == ERR_AGAIN) return 0;
    if (err == 0 && s->speaks != SPEAKS_METRICS && sniff_is_websocket(request) &&
        ws_handshake_check(request, STR("xmpp")) == 0) {
        struct buf answer = BUF_INIT;
        ws_handshake_answer(&answer, request, STR("xmpp"));
        conn_write(s->conn, buf_str(&answer));
        buf_free(&answer);
        s->is_upgrade = true;
        sniff_decide(s);
        return len;
    }
    s->is_http = true;
    conn_set_limits(s->conn,
                    &s->gate->front->http); /* what has come along behind the head may be more than a login's */
    sniff_decide(s);
    return 0;
}

static void sniff_begin(struct sniff *s) {
    bool tls = s->speaks == SPEAKS_XMPP_TLS || s->speaks == SPEAKS_HTTPS;
    if (tls && !conn_tls(s->conn)) {
        struct tls_context *ctx = front_tls(s->gate->front);
        int err = conn_start_tls(s->conn, ctx);
        tls_context_unref(&ctx);
        if (err) sniff_fail(s);
    } else if (s->speaks == SPEAKS_XMPP || s->speaks == SPEAKS_XMPP_TLS || s->is_xmpp) {
        sniff_decide(s);
    }
}

static size_t sniff_proxy(struct sniff *s, struct str bytes) {
    struct net_address address = *conn_peer(s->conn);
    size_t len = 0;
    int err = proxy_v2_parse(bytes, &address, &len);
    if (err == ERR_AGAIN) return 0;
    if (err &&
        (s->speaks == SPEAKS_HTTP || s->speaks == SPEAKS_METRICS)) { /* a proxy that speaks HTTP: X-Forwarded-* tells */
        s->proxied = false;
        address.proxied = true;
        if (connections_move(conn_peer(s->conn), &address, s->gate->server)) conn_set_peer(s->conn, &address);
        return 0;
    }
    if (err) {
        LOG(LOG_INFO, "proxy-header-bad", F_ERR("error", err));
        sniff_fail(s);
        return bytes.len;
    }
    s->proxied = false;
    address.proxied = true; /* LOCAL too: whoever is behind it, it is not told by the address of the proxy */
    if (!connections_move(conn_peer(s->conn), &address, s->gate->server)) {
        sniff_fail(s);
        return bytes.len;
    }
    conn_set_peer(s->conn, &address);
    return len;
}

static size_t on_data(struct conn *conn, struct str bytes) {
    struct sniff *s = conn_owner(conn);
    if (s->failed || loop_is_deferred(&s->next)) return 0;
    if (s->proxied) {
        size_t used = sniff_proxy(s, bytes);
        if (!s->proxied && !s->failed) {
            conn_peek(conn, false);
            if (s->speaks == SPEAKS_HTTP || s->speaks == SPEAKS_METRICS) return used; /* the head comes next */
            sniff_begin(s);
        }
        return used;
    }
    if (s->speaks == SPEAKS_XMPP || s->speaks == SPEAKS_XMPP_TLS || s->is_xmpp) {
        sniff_decide(s);
        return 0;
    }
    return sniff_http(s, bytes);
}

static void on_secure(struct conn *conn) {
    struct sniff *s = conn_owner(conn);
    s->is_xmpp = str_eq(tls_alpn(conn_tls(conn)), STR("xmpp-client"));
    sniff_begin(s);
}

static void on_drain(struct conn *conn) {
    (void)conn;
}

static void on_closed(struct conn *conn, int err) {
    struct sniff *s = conn_owner(conn);
    const struct tls *tls = conn_tls(conn);
    if (err == ERR_TLS && tls) LOG(LOG_INFO, "tls-failed", F_C("why", tls_failure(tls)));
    sniff_fail(s);
}

static const struct conn_ops sniff_ops = {on_data, on_drain, on_secure, on_closed};

static void on_sniff_time(struct loop_timer *timer, int64_t now_ms) {
    (void)now_ms;
    sniff_fail(CONTAINER_OF(timer, struct sniff, timer));
}

static void sniff_start(struct gate *gate, struct conn *conn, enum speaks speaks, bool proxied) {
    struct sniff *s = calloc(1, sizeof *s);
    CHECK(s != NULL);
    s->gate = gate;
    s->conn = conn;
    s->speaks = speaks;
    s->proxied = proxied;
    s->next.run = sniff_on_next;
    s->timer.fire = on_sniff_time;
    list_append(&gate->sniffs, &s->link);
    loop_timer_set(gate->place->loop, &s->timer,
                   shard_turn(gate->place)->now_ms + gate->server->options.unauthenticated_ms);
    conn_attach(conn, gate->place->loop, &sniff_ops, s);
    conn_peek(conn, proxied); /* TLS may follow the header in the same packet: it stays in the socket */
    if (!proxied) sniff_begin(s);
}

/* --- accepting --- */

static void on_accept(void *owner, int fd, const struct net_address *peer) {
    struct gate_listener *gl = owner;
    struct gate *gate = gl->gate;
    if (!connections_enter(peer, gate->server)) {
        close(fd); /* too many: not worth a word */
        return;
    }
    struct conn *conn = conn_new(fd, peer, &gate->front->unauthenticated);
    sniff_start(gate, conn, gl->speaks, net_set_has(gate->front->proxies, peer));
}

static int gate_listen_on(struct gate *gate, struct str address, enum speaks speaks) {
    if (!str_some(address)) return 0;
    struct gate_listener *gl = calloc(1, sizeof *gl);
    CHECK(gl != NULL);
    *gl = (struct gate_listener){gate, speaks};
    struct arena *arena = arena_new();
    struct str why = STR_NONE;
    struct listener **slot = &gate->listeners[gate->listener_count];
    int err =
        listener_open(gate->place->loop, address, gate->server->options.gates > 1, on_accept, gl, arena, slot, &why);
    if (err) {
        LOG(LOG_ERROR, "listen-failed", F_STR("address", address), F_STR("why", why));
    } else {
        gate->listener_count++;
        gate->owners[gate->listener_count - 1] = gl;
        LOG(LOG_INFO, "listening", F_STR("address", address), F_INT("port", listener_port(*slot)));
    }
    if (err) free(gl);
    arena_free(&arena);
    return err;
}

int gate_listen(struct gate *gate) {
    const struct options *o = &gate->server->options;
    const struct {
        struct str address;
        enum speaks speaks;
    } all[] = {
        {o->c2s, SPEAKS_XMPP},    {o->c2s_tls, SPEAKS_XMPP_TLS}, {o->http, SPEAKS_HTTP},
        {o->https, SPEAKS_HTTPS}, {o->metrics, SPEAKS_METRICS},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        int err = gate_listen_on(gate, all[i].address, all[i].speaks);
        if (err) return err;
    }
    return 0;
}

/* --- life --- */

static void on_sweep(struct loop_timer *timer, int64_t now_ms) {
    struct gate *gate = CONTAINER_OF(timer, struct gate, sweep);
    throttle_sweep(gate->throttle, now_ms);
    loop_timer_set(gate->place->loop, timer, now_ms + SWEEP_MS);
}

struct gate *gate_new(struct front *front, struct shard *place) {
    struct gate *gate = calloc(1, sizeof *gate);
    CHECK(gate != NULL);
    gate->front = front;
    gate->server = front->server;
    gate->place = place;
    list_init(&gate->logins);
    list_init(&gate->sniffs);
    gate->throttle = front->throttle;
    gate->sweep.fire = on_sweep;
    place->front = gate;
    loop_timer_set(place->loop, &gate->sweep, loop_now_ms(place->loop) + SWEEP_MS);
    return gate;
}

void gate_close(struct gate *gate) {
    gate->closing = true;
    for (unsigned i = 0; i < gate->listener_count; i++) {
        listener_close(&gate->listeners[i]);
        free(gate->owners[i]);
    }
    gate->listener_count = 0;
    logins_close(shard_turn(gate->place), gate);
    LIST_EACH (&gate->sniffs, at, after) sniff_drop(CONTAINER_OF(at, struct sniff, link));
}

void gate_free(struct gate **gate) {
    if (!*gate) return;
    free(*gate);
    *gate = NULL;
}

static void gate_on_store_done(struct turn *turn, struct msg *msg) {
    struct store_job *job = (struct store_job *)msg;
    job->done(turn, job);
}

static void gate_on_call(struct turn *turn, struct msg *msg) {
    struct msg_call *call = (struct msg_call *)msg;
    call->run(turn, call);
}

/* A kept-alive HTTP connection asks to become a WebSocket: as if it had just come. */
static void gate_on_upgrade(struct turn *turn, struct msg *msg) {
    struct msg_upgrade *m = (struct msg_upgrade *)msg;
    struct gate *gate = turn->shard->front;
    if (gate->closing) {
        conn_free(&m->conn);
        free(m);
        return;
    }
    conn_set_limits(m->conn, &gate->front->unauthenticated);
    sniff_start(gate, m->conn, SPEAKS_HTTP, false);
    free(m);
}

const msg_handler gate_handlers[MSG_TYPES] = {
    [MSG_STORE_DONE] = gate_on_store_done,
    [MSG_CALL] = gate_on_call,
    [MSG_UPGRADE] = gate_on_upgrade,
    [MSG_PEER_OUT] = relay_on_out,
};
