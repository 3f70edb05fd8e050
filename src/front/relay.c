/*
 * relay.c: two halves of a peer on two places. The near half owns the connection at the gate; the far half is what the session sees. Each
 * half is touched by its own place alone; they know each other by address only to name each other in messages. The far half is freed when the near
 * one has said GONE, which it says last and exactly once; the near half frees itself then.
 */
#include "front/relay.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "im/im.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

enum in_kind { IN_HEADER, IN_ELEMENT, IN_END, IN_BAD, IN_DRAINED, IN_LOST, IN_GONE };
enum out_kind { OUT_WRITE, OUT_PAUSE, OUT_RESUME, OUT_CLOSE, OUT_ASK_DRAIN, OUT_OPEN, OUT_RESTART, OUT_PING, OUT_DROP };

struct near {
    struct peer *peer;
    struct shard *home;
    struct far *far; /* a name */
    int64_t writes;  /* handled */
    bool finished;
};

struct far {
    struct peer peer;
    struct near *near; /* a name */
    struct shard *gate, *home;
    const struct peer_events *events;
    void *owner;
    struct peer_facts facts;
    int64_t writes, ended; /* posted; what IN_END said */
    size_t unsent;         /* written since the gate last said that it has drained */
    bool over;
    int lost; /* the error, if the connection went before it was attached */
    struct loop_deferred loss;
};

struct msg_peer {
    struct msg msg;
    int kind;
    void *to; /* struct far or struct near */
    int64_t number;
    struct str a, b;
    char text[];
};

static void relay_post(struct shard *to, enum msg_type type, int kind, void *half, int64_t number, struct str a,
                       struct str b) {
    struct msg_peer *m = msg_new(type, sizeof *m + a.len + b.len, 0);
    m->kind = kind;
    m->to = half;
    m->number = number;
    if (a.len) memcpy(m->text, a.p, a.len);
    if (b.len) memcpy(m->text + a.len, b.p, b.len);
    m->a = (struct str){a.p ? m->text : NULL, a.len};
    m->b = (struct str){b.p ? m->text + a.len : NULL, b.len};
    shard_post(to, &m->msg);
}

/* --- the near half: events of the connection, as messages --- */

static void near_tell(struct near *n, enum in_kind kind, int64_t number, struct str a, struct str b) {
    if (!n->finished) relay_post(n->home, MSG_PEER_IN, (int)kind, n->far, number, a, b);
}

/* With all its namespaces, that of streams too. */
static struct str near_string(struct turn *turn, const struct xml_node *el) {
    struct buf out = BUF_INIT;
    xml_write(&out, el, STR_NONE, true);
    struct str bytes = arena_dup(turn->arena, buf_str(&out));
    buf_free(&out);
    return bytes;
}

static void on_header(struct turn *turn, void *owner, const struct xml_node *header, struct str default_ns) {
    near_tell(owner, IN_HEADER, 0, near_string(turn, header), default_ns);
}

static void on_element(struct turn *turn, void *owner, struct xml_node *el, size_t len) {
    near_tell(owner, IN_ELEMENT, (int64_t)len, near_string(turn, el), STR_NONE);
}

static void on_end(struct turn *turn, void *owner) {
    (void)turn;
    struct near *n = owner;
    near_tell(n, IN_END, n->writes * 2 + n->peer->ops->is_sending(n->peer), STR_NONE, STR_NONE);
}

static void on_bad(struct turn *turn, void *owner, enum xml_error error) {
    (void)turn;
    struct near *n = owner;
    near_tell(n, IN_BAD, error, STR_NONE, STR_NONE);
    n->peer->ops->pause(n->peer); /* the home will close it */
}

static void on_drained(struct turn *turn, void *owner) {
    (void)turn;
    near_tell(owner, IN_DRAINED, 0, STR_NONE, STR_NONE);
}

static void on_secure(struct turn *turn, void *owner) {
    (void)turn;
    (void)owner;
}

static void on_lost(struct turn *turn, void *owner, int err) {
    (void)turn;
    struct near *n = owner;
    near_tell(n, IN_LOST, err, STR_NONE, STR_NONE);
    n->peer->ops->drop(n->peer);
    n->peer = NULL;
}

static const struct peer_events near_events = {on_header, on_element, on_end, on_bad, on_drained, on_secure, on_lost};

static void near_finish(struct near *n) {
    near_tell(n, IN_GONE, 0, STR_NONE, STR_NONE);
    free(n);
}

void relay_on_out(struct turn *turn, struct msg *msg) {
    (void)turn;
    struct msg_peer *m = (struct msg_peer *)msg;
    struct near *n = m->to;
    struct peer *p = n->peer; /* NULL: lost; only the farewell matters then */
    switch ((enum out_kind)m->kind) {
    case OUT_WRITE:
        n->writes++;
        if (p) p->ops->write(p, m->a);
        break;
    case OUT_PAUSE:
        if (p) p->ops->pause(p);
        break;
    case OUT_RESUME:
        if (p) p->ops->resume(p);
        break;
    case OUT_ASK_DRAIN:
        if (p) p->ops->ask_drain(p);
        break;
    case OUT_OPEN:
        if (p) p->ops->open(p, m->a, m->b);
        break;
    case OUT_RESTART:
        if (p) p->ops->restart(p);
        break;
    case OUT_PING:
        if (p) p->ops->ping(p);
        break;
    case OUT_CLOSE:
        if (p) p->ops->close(p, (enum stream_error)m->number, m->a);
        near_finish(n);
        break;
    case OUT_DROP:
        if (p) p->ops->drop(p);
        near_finish(n);
        break;
    }
    free(m);
}

/* --- the far half: a peer --- */

static struct far *far_of(const struct peer *peer) {
    return CONTAINER_OF(peer, struct far, peer);
}

static void far_tell(struct far *f, enum out_kind kind, int64_t number, struct str a, struct str b) {
    if (!f->over) relay_post(f->gate, MSG_PEER_OUT, (int)kind, f->near, number, a, b);
}

static void far_write(struct peer *peer, struct str element) {
    struct far *f = far_of(peer);
    f->unsent += element.len;
    f->writes++;
    far_tell(f, OUT_WRITE, 0, element, STR_NONE);
}

static void far_pause(struct peer *peer) {
    far_tell(far_of(peer), OUT_PAUSE, 0, STR_NONE, STR_NONE);
}

static void far_resume(struct peer *peer) {
    far_tell(far_of(peer), OUT_RESUME, 0, STR_NONE, STR_NONE);
}

static void far_close(struct peer *peer, enum stream_error error, struct str text) {
    struct far *f = far_of(peer);
    far_tell(f, OUT_CLOSE, error, text, STR_NONE);
    f->over = true;
}

static void far_drop(struct peer *peer) {
    struct far *f = far_of(peer);
    far_tell(f, OUT_DROP, 0, STR_NONE, STR_NONE);
    f->over = true;
}

static void far_facts(const struct peer *peer, struct peer_facts *out) {
    *out = far_of(peer)->facts;
}

static bool far_is_full(const struct peer *peer) {
    const struct far *f = far_of(peer);
    const struct server *server = f->home->hub->server;
    return f->unsent > (size_t)server->options.output_high;
}

static bool far_is_sending(const struct peer *peer) {
    const struct far *f = far_of(peer);
    return f->ended != f->writes * 2; /* all were handled there, and nothing was on the way, when the end came */
}

static void far_ask_drain(struct peer *peer) {
    far_tell(far_of(peer), OUT_ASK_DRAIN, 0, STR_NONE, STR_NONE);
}

static void on_loss(struct loop_deferred *deferred) {
    struct far *f = CONTAINER_OF(deferred, struct far, loss);
    if (!f->over) f->events->lost(shard_turn(f->home), f->owner, f->lost);
}

static void far_attach(struct peer *peer, struct turn *turn, const struct peer_events *events, void *owner) {
    struct far *f = far_of(peer);
    f->events = events;
    f->owner = owner;
    f->facts.heard_ms = turn->now_ms;
    far_tell(f, OUT_RESUME, 0, STR_NONE, STR_NONE);
    if (!f->lost) return;
    f->loss.run = on_loss; /* it went before anybody was there to be told */
    loop_defer(turn->shard->loop, &f->loss);
}

static void far_open(struct peer *peer, struct str id, struct str lang) {
    far_tell(far_of(peer), OUT_OPEN, 0, id, lang);
}

static void far_restart(struct peer *peer) {
    far_tell(far_of(peer), OUT_RESTART, 0, STR_NONE, STR_NONE);
}

static bool far_ping(struct peer *peer) {
    struct far *f = far_of(peer);
    if (!f->facts.websocket) return false;
    far_tell(f, OUT_PING, 0, STR_NONE, STR_NONE);
    return false; /* its pong stays at the gate: the session asks for itself as well */
}

static const struct peer_ops far_ops = {
    .write = far_write,
    .pause = far_pause,
    .resume = far_resume,
    .close = far_close,
    .facts = far_facts,
    .is_full = far_is_full,
    .ask_drain = far_ask_drain,
    .is_sending = far_is_sending,
    .attach = far_attach,
    .open = far_open,
    .restart = far_restart,
    .ping = far_ping,
    .drop = far_drop,
};

static struct xml_node *far_parse(struct turn *turn, struct str bytes) {
    struct xml_node *el = xml_parse_own(turn->arena, arena_dup(turn->arena, bytes));
    CHECK(el);
    return el;
}

static void far_event(struct turn *turn, struct far *f, const struct msg_peer *m) {
    f->facts.heard_ms = turn->now_ms;
    switch ((enum in_kind)m->kind) {
    case IN_HEADER:
        f->events->header(turn, f->owner, far_parse(turn, m->a), arena_dup(turn->arena, m->b));
        break;
    case IN_ELEMENT:
        f->events->element(turn, f->owner, far_parse(turn, m->a), (size_t)m->number);
        break;
    case IN_END:
        f->ended = m->number;
        f->events->end(turn, f->owner);
        break;
    case IN_BAD:
        f->events->bad(turn, f->owner, (enum xml_error)m->number);
        break;
    case IN_DRAINED:
        f->unsent = 0;
        f->events->drained(turn, f->owner);
        break;
    case IN_LOST:
        f->events->lost(turn, f->owner, (int)m->number);
        break;
    case IN_GONE:
        break;
    }
}

void relay_on_in(struct turn *turn, struct msg *msg) {
    struct msg_peer *m = (struct msg_peer *)msg;
    struct far *f = m->to;
    if (m->kind == IN_GONE) {
        CHECK(f->over);
        loop_undefer(f->home->loop, &f->loss);
        free(f);
    } else if (!f->events) {
        if (m->kind == IN_LOST) f->lost = (int)m->number;
    } else if (!f->over) {
        far_event(turn, f, m);
    }
    free(m);
}

struct peer *relay_new(struct turn *turn, struct peer *peer, struct shard *home) {
    struct near *n = calloc(1, sizeof *n);
    struct far *f = calloc(1, sizeof *f);
    CHECK(n && f);
    *n = (struct near){.peer = peer, .home = home, .far = f};
    *f = (struct far){.peer = {&far_ops}, .near = n, .gate = turn->shard, .home = home};
    peer->ops->facts(peer, &f->facts);
    peer->ops->attach(peer, turn, &near_events, n);
    peer->ops->pause(peer); /* until the home has attached its half */
    return &f->peer;
}
