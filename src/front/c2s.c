/*
 * c2s.c: bytes of one client connection into stream headers and elements, and back. It runs on whatever place it is attached to: a gate until
 * the client has proved who it is, then the account's home. Idle it holds no buffer. What must hold: no event after close, drop or detach;
 * it is freed outside of the connection's callbacks.
 */
#include "front/c2s.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "net/websocket.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

enum { LINGER_MS = 2000, SCOPE_MAX = 4 };

struct c2s {
    struct peer peer;
    struct conn *conn;
    struct server *server;
    struct shard *place;
    const struct peer_events *events;
    void *owner;
    struct ws_decoder *ws; /* NULL: TCP */
    bool opened;           /* our side of the stream */
    bool over;             /* closed, dropped or detached: no more events */
    bool closing;          /* conn_close runs */
    bool paused, home, asked, securing, broken;
    struct xml_framer framer;
    struct buf prefixes; /* other prefixes that the stream header declared: name NUL uri NUL ...; nearly always empty */
    struct loop_deferred grave; /* frees it at the end of the turn */
};

static struct c2s *c2s_of(const struct peer *peer) {
    return CONTAINER_OF(peer, struct c2s, peer);
}

static struct turn *c2s_turn(const struct c2s *c) {
    return shard_turn(c->place);
}

static const struct xml_limits *c2s_limits(const struct c2s *c) {
    return c->home ? &c->server->limits : &c->server->limits_unauthenticated;
}

static void c2s_free(struct c2s *c) {
    conn_free(&c->conn);
    if (c->ws) {
        ws_decoder_free(c->ws);
        free(c->ws);
    }
    buf_free(&c->prefixes);
    free(c);
}

static void on_grave(struct loop_deferred *deferred) {
    c2s_free(CONTAINER_OF(deferred, struct c2s, grave));
}

static void c2s_bury(struct c2s *c) {
    c->over = true;
    c->grave.run = on_grave;
    loop_defer(c->place->loop, &c->grave);
}

/* --- writing --- */

static void c2s_frame(struct c2s *c, int opcode, struct str payload) {
    uint8_t head[10];
    size_t len = ws_frame_head(head, opcode, payload.len);
    conn_write2(c->conn, str_of(head, len), payload);
}

static void c2s_write(struct peer *peer, struct str element) {
    struct c2s *c = c2s_of(peer);
    if (c->over) return;
    if (c->ws) {
        c2s_frame(c, 1, element);
    } else {
        conn_write(c->conn, element);
    }
}

static void c2s_write_node(struct c2s *c, const struct xml_node *el) {
    struct buf out = BUF_INIT;
    xml_write(&out, el, STR_NONE, true);
    c2s_write(&c->peer, buf_str(&out));
    buf_free(&out);
}

static void c2s_open(struct peer *peer, struct str id, struct str lang) {
    struct c2s *c = c2s_of(peer);
    struct arena *arena = c2s_turn(c)->arena;
    struct str domain = c->server->options.domain;
    c->opened = true;
    if (!str_some(lang)) lang = STR("en");
    if (c->ws) {
        struct xml_node *open = xml_new(arena, NS_FRAMING, STR("open"));
        xml_set(arena, open, STR("from"), domain);
        xml_set(arena, open, STR("id"), id);
        xml_set(arena, open, STR("version"), STR("1.0"));
        c2s_write_node(c, xml_set_ns(arena, open, XML_NS_XML, STR("lang"), lang));
        return;
    }
    struct buf out = BUF_INIT;
    BUF_ADD_LIT(
        &out,
        "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'"
        " version='1.0' from='");
    xml_escape_value(&out, domain);
    BUF_ADD_LIT(&out, "' id='");
    xml_escape_value(&out, id);
    BUF_ADD_LIT(&out, "' xml:lang='");
    xml_escape_value(&out, lang);
    BUF_ADD_LIT(&out, "'>");
    conn_write(c->conn, buf_str(&out));
    buf_free(&out);
}

static void c2s_restart(struct peer *peer) {
    struct c2s *c = c2s_of(peer);
    c->opened = false;
    if (!c->ws) xml_framer_restart(&c->framer);
}

static void c2s_close(struct peer *peer, enum stream_error error, struct str text) {
    struct c2s *c = c2s_of(peer);
    if (c->over) return;
    struct arena *arena = c2s_turn(c)->arena;
    char id[23];
    random_id(id);
    if (error && !c->opened) c2s_open(peer, str_c(id), STR_NONE);
    if (error) c2s_write_node(c, stream_error_node(arena, error, text));
    if (c->ws) {
        if (c->opened) c2s_write_node(c, xml_new(arena, NS_FRAMING, STR("close")));
        c2s_frame(c, 8, ws_close_payload(arena, 1000, STR_NONE));
    } else if (c->opened) {
        conn_write(c->conn, STR("</stream:stream>"));
    }
    c->over = true;
    c->closing = true;
    conn_close(c->conn, LINGER_MS);
}

static void c2s_drop(struct peer *peer) {
    struct c2s *c = c2s_of(peer);
    if (c->closing) return; /* on_closed buries it */
    c2s_bury(c);
}

static void c2s_pause(struct peer *peer) {
    struct c2s *c = c2s_of(peer);
    if (c->over || c->paused) return;
    c->paused = true;
    conn_pause(c->conn);
}

static void c2s_resume(struct peer *peer) {
    struct c2s *c = c2s_of(peer);
    if (c->over || !c->paused) return;
    c->paused = false;
    conn_resume(c->conn);
}

static void c2s_facts(const struct peer *peer, struct peer_facts *out) {
    const struct c2s *c = c2s_of(peer);
    const struct tls *tls = conn_tls(c->conn);
    *out = (struct peer_facts){.address = *conn_peer(c->conn),
                               .tls = tls != NULL,
                               .websocket = c->ws != NULL,
                               .tls_version = tls ? tls_version(tls) : NULL,
                               .heard_ms = conn_heard_ms(c->conn)};
}

static bool c2s_is_full(const struct peer *peer) {
    return conn_is_full(c2s_of(peer)->conn);
}

static bool c2s_is_sending(const struct peer *peer) {
    return !conn_is_delivered(c2s_of(peer)->conn);
}

static void c2s_ask_drain(struct peer *peer) {
    struct c2s *c = c2s_of(peer);
    c->asked = true;
    conn_ask_drain(c->conn);
}

static bool c2s_ping(struct peer *peer) {
    struct c2s *c = c2s_of(peer);
    if (!c->ws || c->over) return false;
    c2s_frame(c, 9, STR_NONE);
    return true;
}

/* --- reading --- */

static void c2s_bad(struct c2s *c, enum xml_error error) {
    c->events->bad(c2s_turn(c), c->owner, error);
    c->broken = true;            /* nothing behind it is looked at */
    CHECK(c->over || c->paused); /* a relay waits for its other half */
}

static void scope_keep(struct c2s *c, const struct xml_scope *scope) {
    buf_free(&c->prefixes);
    for (uint32_t i = 0; i < scope->prefix_count && i < SCOPE_MAX; i++) {
        if (str_eq(scope->prefixes[i][0], STR("stream"))) continue;
        for (int part = 0; part < 2; part++) {
            buf_add_str(&c->prefixes, scope->prefixes[i][part]);
            buf_add_char(&c->prefixes, 0);
        }
    }
}

/* What is in force around an element: the stream's defaults, and what else its header declared. */
static struct xml_scope c2s_scope(const struct c2s *c) {
    struct arena *arena = c2s_turn(c)->arena;
    struct str(*prefixes)[2] = arena_alloc(arena, (SCOPE_MAX + 1) * sizeof *prefixes);
    uint32_t count = 0;
    prefixes[count][0] = STR("stream");
    prefixes[count++][1] = NS_STREAM;
    for (struct str left = buf_str(&c->prefixes); str_some(left); count++) {
        for (int part = 0; part < 2; part++) {
            prefixes[count][part] = str_first(left, str_index(left, 0));
            left = str_from(left, prefixes[count][part].len + 1);
        }
    }
    return (
        struct xml_scope){.default_ns = NS_CLIENT, .prefix_count = count, .prefixes = (const struct str(*)[2])prefixes};
}

static void c2s_header(struct c2s *c, struct str bytes) {
    struct xml_node *header;
    struct xml_scope scope;
    enum xml_error error = xml_parse_header(c2s_turn(c)->arena, bytes, c2s_limits(c), &header, &scope);
    if (error) {
        c2s_bad(c, error);
        return;
    }
    scope_keep(c, &scope);
    c->events->header(c2s_turn(c), c->owner, header, scope.default_ns);
}

static void c2s_element(struct c2s *c, struct str bytes) {
    struct turn *turn = c2s_turn(c);
    /* Over WebSocket each message stands alone. The common stream needs no list of prefixes. */
    struct xml_scope scope = {.default_ns = STR_NONE};
    if (!c->ws) scope = c2s_scope(c);
    struct xml_node *el;
    struct arena_mark mark = arena_mark(turn->arena);
    enum xml_error error = xml_parse(turn->arena, bytes, &scope, c2s_limits(c), &el);
    if (error) {
        c2s_bad(c, error);
    } else if (c->ws && str_eq(el->ns, NS_FRAMING)) {
        if (str_eq(el->name, STR("open"))) {
            c->events->header(turn, c->owner, el, NS_CLIENT);
        } else {
            c->events->end(turn, c->owner);
        }
    } else {
        c->events->element(turn, c->owner, el, bytes.len);
    }
    arena_release(turn->arena, mark);
}

/* Any closing tag on the level of the stream comes here; only its own ends it. */
static void c2s_end(struct c2s *c, struct str tag) {
    struct str name = str_from(tag, 2);
    name = str_first(name, name.len - 1);
    while (name.len && strchr(" \t\r\n", name.p[name.len - 1])) name.len--;
    if (str_eq(name, STR("stream:stream"))) {
        c->events->end(c2s_turn(c), c->owner);
    } else {
        c2s_bad(c, XML_NOT_WELL_FORMED);
    }
}

static size_t on_tcp_data(struct conn *conn, struct str bytes) {
    struct c2s *c = conn_owner(conn);
    size_t used = 0;
    while (!c->over && !c->paused && !c->securing && !c->broken) {
        size_t len = 0;
        enum xml_error error = XML_OK;
        struct str rest = str_from(bytes, used);
        enum xml_frame_kind kind = xml_frame(&c->framer, rest, c2s_limits(c), &len, &error);
        if (kind == XML_FRAME_NONE) break;
        if (kind == XML_FRAME_BAD) {
            c2s_bad(c, error);
            break;
        }
        used += len;
        if (kind == XML_FRAME_HEADER) {
            c2s_header(c, str_first(rest, len));
        } else if (kind == XML_FRAME_ELEMENT) {
            c2s_element(c, str_first(rest, len));
        } else if (kind == XML_FRAME_END) {
            c2s_end(c, str_first(rest, len));
        }
    }
    return c->closing || c->broken ? bytes.len : used;
}

/* The WebSocket ends without <close/>: the stream is lost, not ended (RFC 7395 3.6.1), so a session may be resumed. */
static void c2s_ws_gone(struct c2s *c, int code) {
    c2s_frame(c, 8, ws_close_payload(c2s_turn(c)->arena, code, STR_NONE));
    const struct peer_events *events = c->events;
    c->closing = true;
    conn_close(c->conn, LINGER_MS);
    c->over = true;
    events->lost(c2s_turn(c), c->owner, ERR_CLOSED);
}

static void c2s_ws_event(struct c2s *c, enum ws_event event, struct str payload, int code) {
    if (event == WS_TEXT) {
        c2s_element(c, payload);
    } else if (event == WS_PING) {
        c2s_frame(c, 10, payload);
    } else if (event == WS_CLOSE) {
        c2s_ws_gone(c, code == 1005 ? 1000 : code);
    } else if (event == WS_BAD) {
        if (code == 1009) {
            c2s_bad(c, XML_TOO_BIG);
        } else {
            c2s_ws_gone(c, code);
        }
    }
}

static size_t on_ws_data(struct conn *conn, struct str bytes) {
    struct c2s *c = conn_owner(conn);
    size_t used = 0;
    c->ws->max = c2s_limits(c)->bytes_max;
    while (!c->over && !c->paused && !c->broken && used < bytes.len) {
        size_t len = 0;
        struct str payload = STR_NONE;
        int code = 0;
        /* Unmasking writes into the read buffer, which is ours to look at until we return. */
        enum ws_event event =
            ws_decode(c->ws, (char *)(uintptr_t)bytes.p + used, bytes.len - used, &len, &payload, &code);
        if (event == WS_NONE) break;
        used += len;
        c2s_ws_event(c, event, payload, code);
    }
    return c->closing || c->broken ? bytes.len : used;
}

static void on_drain(struct conn *conn) {
    struct c2s *c = conn_owner(conn);
    if (c->over) return;
    c->asked = false;
    c->events->drained(c2s_turn(c), c->owner);
}

static void on_secure(struct conn *conn) {
    struct c2s *c = conn_owner(conn);
    c->securing = false;
    if (!c->over) c->events->secure(c2s_turn(c), c->owner);
}

static void on_closed(struct conn *conn, int err) {
    struct c2s *c = conn_owner(conn);
    if (c->closing) {
        c2s_bury(c);
        return;
    }
    if (c->over) return;
    c->over = true;
    c->events->lost(c2s_turn(c), c->owner, err);
}

static const struct conn_ops tcp_ops = {on_tcp_data, on_drain, on_secure, on_closed};
static const struct conn_ops ws_ops = {on_ws_data, on_drain, on_secure, on_closed};

/* --- life --- */

static void c2s_attach(struct peer *peer, struct turn *turn, const struct peer_events *events, void *owner) {
    struct c2s *c = c2s_of(peer);
    c->home = !turn->shard->is_gate || (c->place && c->server->options.relay); /* a relay attaches a second time */
    c->place = turn->shard;
    c->events = events;
    c->owner = owner;
    c->over = false;
    if (c->home) conn_set_limits(c->conn, &front_of(c->server)->authenticated);
    conn_attach(c->conn, turn->shard->loop, c->ws ? &ws_ops : &tcp_ops, c);
    c2s_resume(peer); /* it rested while it was handed over */
}

static const struct peer_ops c2s_ops = {
    .write = c2s_write,
    .pause = c2s_pause,
    .resume = c2s_resume,
    .close = c2s_close,
    .facts = c2s_facts,
    .is_full = c2s_is_full,
    .ask_drain = c2s_ask_drain,
    .is_sending = c2s_is_sending,
    .attach = c2s_attach,
    .open = c2s_open,
    .restart = c2s_restart,
    .ping = c2s_ping,
    .drop = c2s_drop,
};

struct peer *c2s_new(struct server *server, struct conn *conn, bool websocket) {
    struct c2s *c = calloc(1, sizeof *c);
    CHECK(c != NULL);
    c->peer.ops = &c2s_ops;
    c->server = server;
    c->conn = conn;
    if (websocket) {
        c->ws = calloc(1, sizeof *c->ws);
        CHECK(c->ws != NULL);
    }
    return &c->peer;
}

void c2s_detach(struct peer *peer) {
    struct c2s *c = c2s_of(peer);
    c->over = true;
    conn_detach(c->conn);
}

struct conn *c2s_conn(struct peer *peer) {
    return c2s_of(peer)->conn;
}

int c2s_start_tls(struct peer *peer, struct tls_context *ctx) {
    struct c2s *c = c2s_of(peer);
    c2s_restart(peer);
    c->securing = true; /* what stands behind the request in plain text is looked at by nobody */
    return conn_start_tls(c->conn, ctx);
}
