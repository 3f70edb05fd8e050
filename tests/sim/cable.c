/*
 * cable.c: connections that behave as the worst network does: what was sent arrives late, the last of it perhaps never, and the server
 * learns that the other side is gone long after a new connection was made. The server's end is a struct peer like any other.
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "xmpp/ns.h"

/* --- queues --- */

static void queue_add(struct queue *q, enum line_kind kind, struct str bytes) {
    struct line *l = malloc(sizeof *l + bytes.len);
    CHECK(l != NULL);
    *l = (struct line){.kind = kind, .len = bytes.len};
    if (bytes.len) memcpy(l->bytes, bytes.p, bytes.len);
    if (!q->first) q->end = &q->first;
    *q->end = l;
    q->end = &l->next;
    q->count++;
}

static struct line *queue_take(struct queue *q) {
    struct line *l = q->first;
    if (!l) return NULL;
    q->first = l->next;
    q->count--;
    return l;
}

/* All but the first `keep`. */
static void queue_shorten(struct queue *q, unsigned keep) {
    struct line **at = &q->first;
    for (unsigned i = 0; i < keep && *at; i++) at = &(*at)->next;
    for (struct line *l = *at, *next; l; l = next) {
        next = l->next;
        free(l);
        q->count--;
    }
    *at = NULL;
    q->end = at;
}

/* --- the server's end --- */

static struct cable *cable_of(const struct peer *peer) {
    return CONTAINER_OF(peer, struct cable, peer);
}

struct xml_node *cable_parse(struct arena *arena, struct str bytes) {
    struct xml_scope scope = {.default_ns = STR_NONE};
    struct xml_limits limits = {UINT32_MAX, UINT16_MAX, UINT16_MAX, UINT32_MAX};
    struct xml_node *el;
    CHECK(xml_parse(arena, arena_dup(arena, bytes), &scope, &limits, &el) == XML_OK);
    return el;
}

static void on_write(struct peer *peer, struct str element) {
    struct cable *c = cable_of(peer);
    struct arena_mark mark = arena_mark(c->world->scratch);
    promise_written(c, cable_parse(c->world->scratch, element));
    arena_release(c->world->scratch, mark);
    if (!c->client_gone) queue_add(&c->down, LINE_ELEMENT, element);
    if (one_in(c->world, 4)) c->full = true; /* until cable_serve empties it */
}

static void on_pause(struct peer *peer) {
    cable_of(peer)->paused = true;
}

static void on_resume(struct peer *peer) {
    cable_of(peer)->paused = false;
}

static void on_close(struct peer *peer, enum stream_error error, struct str text) {
    struct cable *c = cable_of(peer);
    (void)text;
    world_tell(c->world, "%s/%u: closed by the server: %.*s", c->client->person->bare, c->client->index,
               STR_FMT(stream_error_name(error)));
    if (!c->client_gone) queue_add(&c->down, LINE_END, STR_NONE);
    c->server_gone = true;
}

static void on_facts(const struct peer *peer, struct peer_facts *out) {
    *out = (struct peer_facts){.tls = true, .heard_ms = cable_of(peer)->heard_ms};
}

static bool on_is_full(const struct peer *peer) {
    return cable_of(peer)->full;
}

static bool on_is_sending(const struct peer *peer) {
    return cable_of(peer)->down.count > 0;
}

static void on_ask_drain(struct peer *peer) {
    cable_of(peer)->drain_asked = true;
}

static void on_attach(struct peer *peer, struct turn *turn, const struct peer_events *events, void *owner) {
    struct cable *c = cable_of(peer);
    c->home = turn->shard;
    c->events = events;
    c->owner = owner;
    c->heard_ms = turn->now_ms;
}

static void on_open(struct peer *peer, struct str id, struct str lang) {
    (void)peer;
    (void)id;
    (void)lang;
}

static void on_restart(struct peer *peer) {
    (void)peer;
}

static bool on_ping(struct peer *peer) {
    (void)peer;
    return false;
}

static void on_drop(struct peer *peer) {
    cable_of(peer)->server_gone = true;
}

static const struct peer_ops cable_ops = {
    .write = on_write,
    .pause = on_pause,
    .resume = on_resume,
    .close = on_close,
    .facts = on_facts,
    .is_full = on_is_full,
    .ask_drain = on_ask_drain,
    .is_sending = on_is_sending,
    .attach = on_attach,
    .open = on_open,
    .restart = on_restart,
    .ping = on_ping,
    .drop = on_drop,
};

/* --- events --- */

static void cable_element(struct cable *c, struct turn *turn, const struct line *l) {
    c->heard_ms = turn->now_ms;
    if (l->kind == LINE_END) {
        c->events->end(turn, c->owner);
    } else if (l->kind == LINE_HEADER) {
        struct xml_node *header = xml_new(turn->arena, NS_STREAM, STR("stream"));
        xml_set(turn->arena, header, STR("to"), STR("sim"));
        c->events->header(turn, c->owner, header, NS_CLIENT);
    } else {
        c->events->element(turn, c->owner, cable_parse(turn->arena, str_of(l->bytes, l->len)), l->len);
    }
}

bool cable_serve(struct cable *c) {
    if (!c->home || c->server_gone) return false;
    if (c->full && one_in(c->world, 2)) c->full = false;
    if (c->drain_asked && !c->full) {
        c->drain_asked = false;
        c->events->drained(world_enter(c->world, c->home), c->owner);
        world_leave(c->world, c->home);
        return true;
    }
    struct line *l = c->paused ? NULL : queue_take(&c->up);
    if (!l) return false;
    cable_element(c, world_enter(c->world, c->home), l);
    world_leave(c->world, c->home);
    free(l);
    return true;
}

bool cable_lose(struct cable *c) {
    if (!c->cut || !c->home || c->server_gone) return false;
    c->cut = false;
    queue_shorten(&c->up, 0);
    world_tell(c->world, "%s/%u: the server notices a lost connection", c->client->person->bare, c->client->index);
    c->events->lost(world_enter(c->world, c->home), c->owner, ERR_CLOSED);
    world_leave(c->world, c->home);
    CHECK(c->server_gone);
    return true;
}

/* --- the client's end --- */

struct cable *cable_new(struct world *w, struct client *client) {
    struct cable *c = calloc(1, sizeof *c);
    CHECK(c != NULL);
    c->peer.ops = &cable_ops;
    c->world = w;
    c->client = client;
    c->next = w->cables;
    w->cables = c;
    return c;
}

void cable_send(struct cable *c, enum line_kind kind, struct str bytes) {
    queue_add(&c->up, kind, bytes);
}

void cable_cut(struct cable *c) {
    c->cut = c->client_gone = true;
    queue_shorten(&c->up, roll(c->world, c->up.count + 1));
    queue_shorten(&c->down, 0);
}

struct line *cable_receive(struct cable *c) {
    return queue_take(&c->down);
}

void cables_sweep(struct world *w) {
    for (struct cable **at = &w->cables; *at;) {
        struct cable *c = *at;
        if (c->server_gone) c->cut = c->drain_asked = false, queue_shorten(&c->up, 0);
        if (!c->server_gone || !c->client_gone) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        queue_shorten(&c->up, 0);
        queue_shorten(&c->down, 0);
        free(c);
    }
}
