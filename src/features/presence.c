/*
 * presence.c: availability as clients say it (RFC 6121 section 4): initial, later and last presence, directed presence, probes. Entity
 * capabilities (XEP-0115) travel in it untouched.
 */
#include "im/presence.h"

#include "im/caps.h"
#include "im/deliver.h"
#include "im/feature.h"
#include "im/router.h"
#include "im/session.h"
#include "xmpp/ns.h"

static int8_t presence_priority(struct walk *walk, bool *out_is_valid) {
    struct str text = xml_child_text(walk->turn->arena, walk->stanza.el, NS_CLIENT, STR("priority"));
    *out_is_valid = true;
    if (!str_some(text)) return 0;
    bool negative = text.p[0] == '-';
    unsigned long long n;
    *out_is_valid = str_to_u64(str_from(text, negative ? 1 : 0), negative ? 128 : 127, &n);
    return *out_is_valid ? (int8_t)(negative ? -(int)n : (int)n) : 0;
}

static void requests_redeliver(struct turn *turn, struct session *s) {
    size_t at = 0;
    for (const struct request *r; (r = map_next(&s->account->requests, &at));) {
        struct xml_node *el = xml_parse_own(turn->arena, str_of(r->text + r->jid_len, r->stanza_len));
        if (el) {
            session_send_node(turn, s, el);
        }
    }
}

static void presence_available(struct walk *walk) {
    struct session *s = walk->session;
    struct turn *turn = walk->turn;
    bool is_valid;
    int8_t priority = presence_priority(walk, &is_valid);
    if (!is_valid) {
        router_refuse(walk, STANZA_ERR_BAD_REQUEST, STR("priority is a number from -128 to 127"));
        return;
    }
    bool is_initial = !session_is_available(s);
    s->priority = priority;
    /* Available first: what is broadcast and asked may be answered at once. */
    wire_unref(&s->presence);
    s->presence = wire_from(walk->stanza.el);
    presence_broadcast(turn, s, s->presence);
    if (is_initial) {
        s->initial = true;
        presence_ask(turn, s);
        requests_redeliver(turn, s);
    }
    caps_seen(turn, s, walk->stanza.el);
}

static enum verdict on_broadcast(struct walk *walk) {
    if (jid_some(walk->stanza.to)) { /* to one's own bare address: for one's other sessions */
        router_forward(walk);
        return DONE;
    }
    switch (walk->stanza.type) {
    case PRESENCE_AVAILABLE:
        presence_available(walk);
        return DONE;
    case PRESENCE_UNAVAILABLE:
        presence_leave(walk->turn, walk->session, walk->stanza.el);
        return DONE;
    case PRESENCE_PROBE:
    case PRESENCE_ERROR:
        return DROP;
    default: /* a subscription to nobody */
        return router_refuse(walk, STANZA_ERR_BAD_REQUEST, STR_NONE);
    }
}

static enum verdict on_directed(struct walk *walk) {
    if (walk->stanza.type != PRESENCE_AVAILABLE && walk->stanza.type != PRESENCE_UNAVAILABLE) return PASS;
    if (presence_directed(walk->session, walk->stanza.to, walk->stanza.type == PRESENCE_AVAILABLE)) return PASS;
    return router_refuse(walk, STANZA_ERR_RESOURCE_CONSTRAINT, STR_NONE);
}

static enum verdict on_deliver(struct walk *walk) {
    struct turn *turn = walk->turn;
    if (walk->stanza.type == PRESENCE_PROBE) {
        presence_probed(turn, walk->account, walk->stanza.from);
        return DONE;
    }
    struct wire *wire = deliver_wire(walk);
    if (walk->target == TO_FULL) {
        struct session *s = session_by_resource(walk->account, jid_resource(walk->stanza.to));
        if (s) session_send(turn, s, wire, 0); /* 8.5.3.1: also to one that is only connected */
    } else if (walk->stanza.type != PRESENCE_ERROR) {
        deliver_presence(turn, walk->account, walk->stanza.from, wire);
    }
    wire_unref(&wire);
    return DONE;
}

static void on_ended(struct turn *turn, struct session *s) {
    presence_leave(turn, s, NULL);
}

static const struct str presence_disco[] = {STR_INIT("http://jabber.org/protocol/caps"), {NULL, 0}};

static const struct hook presence_hooks[] = {
    {OUT, STANZA_PRESENCE, TO(SELF), STAGE_DELIVER, on_broadcast, "presence-broadcast"},
    {OUT, STANZA_PRESENCE, TO(ACCOUNT) | TO(FULL) | TO(ROOM) | TO(REMOTE), STAGE_CHECK, on_directed,
     "presence-directed"},
    {IN, STANZA_PRESENCE, TO(SELF) | TO(ACCOUNT) | TO(FULL), STAGE_DELIVER, on_deliver, "presence-deliver"},
    {0, 0, 0, 0, NULL, NULL},
};

const struct feature feature_presence = {
    .name = "presence",
    .spec = "RFC 6121, XEP-0115",
    .version = "2011, 1.6.0",
    .text =
        "Presence broadcast, directed presence, probes; unavailable on every kind of end; capabilities are passed on.",
    .disco = presence_disco,
    .hooks = presence_hooks,
    .session_ended = on_ended,
};
