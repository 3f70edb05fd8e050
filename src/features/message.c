/*
 * message.c: the delivery rules of messages (RFC 6121 section 8) and who may be told of typing and reading. On the recipient's home but
 * for the privacy check, which the sender's home makes.
 */
#include "im/account.h"
#include "im/deliver.h"
#include "im/feature.h"
#include "im/handover.h"
#include "im/router.h"
#include "im/session.h"
#include "xmpp/ns.h"

/* Nothing but states of typing, receipts or markers. */
static bool is_notice_only(const struct xml_node *el) {
    bool has_notice = false;
    for (const struct xml_node *c = xml_first_element(el); c; c = xml_next_element(c)) {
        bool is_notice = str_eq(c->ns, NS_CHATSTATES) || str_eq(c->ns, NS_MARKERS) ||
                         (str_eq(c->ns, NS_RECEIPTS) && str_eq(c->name, STR("received")));
        if (is_notice) {
            has_notice = true;
        } else if (!str_eq(c->ns, NS_HINTS) && !str_eq(c->ns, NS_SID) && !str_eq(c->name, STR("thread"))) {
            return false;
        }
    }
    return has_notice;
}

/* A stranger learns nothing: not that somebody is there, types or has read. */
static enum verdict check_notice(struct walk *walk) {
    const struct stanza *s = &walk->stanza;
    if (s->type == MESSAGE_ERROR || s->type == MESSAGE_GROUPCHAT || !is_notice_only(s->el)) return PASS;
    if (account_shows_presence_to(walk->account, s->to)) return PASS;
    const struct map *directed = walk->session->directed;
    if (directed && (map_get(directed, jid_str(s->to)) || map_get(directed, jid_bare_str(s->to)))) return PASS;
    return DROP;
}

/* Group messages are for rooms: refused before they could be kept. */
static enum verdict check_type(struct walk *walk) {
    if (walk->stanza.type != MESSAGE_GROUPCHAT || walk->target == TO_FULL) return PASS;
    return router_refuse(walk, STANZA_ERR_SERVICE_UNAVAILABLE, STR_NONE);
}

static enum verdict deliver_to_all(struct walk *walk, struct wire *wire) {
    int64_t sequence = walk->offline ? walk->in_sequence : 0;
    unsigned count = walk->crossing->fleeting ? deliver_fleeting(walk->turn, walk->account, wire)
                                              : deliver_to_available(walk->turn, walk->account, wire, sequence);
    if (count == 0 && sequence) handover_wait(walk->account, sequence);
    walk->im->messages_delivered += count;
    return DONE;
}

static enum verdict deliver_bare(struct walk *walk, struct wire *wire) {
    switch (walk->stanza.type) {
    case MESSAGE_NORMAL:
    case MESSAGE_CHAT:
        /* Nobody there: what is kept waits in the archive, the rest has no meaning later. */
        return deliver_to_all(walk, wire);
    case MESSAGE_HEADLINE:
        deliver_to_available(walk->turn, walk->account, wire, 0);
        return DONE;
    case MESSAGE_GROUPCHAT:
        return router_refuse(walk, STANZA_ERR_SERVICE_UNAVAILABLE, STR_NONE);
    default:
        return DROP; /* an error for nobody in particular */
    }
}

static enum verdict deliver_full(struct walk *walk, struct wire *wire) {
    struct session *s = session_by_resource(walk->account, jid_resource(walk->stanza.to));
    if (s && s->quiet && walk->crossing->fleeting) return DONE;
    if (s) {
        deliver_to(walk->turn, s, wire, walk->offline ? walk->in_sequence : 0);
        walk->im->messages_delivered++;
        return DONE;
    }
    /* RFC 6121 8.5.3.2.1: gone; a chat goes on as if to the bare address, a headline or error is of no use to others. */
    switch (walk->stanza.type) {
    case MESSAGE_NORMAL:
    case MESSAGE_CHAT:
        return deliver_bare(walk, wire);
    case MESSAGE_GROUPCHAT:
        return router_refuse(walk, STANZA_ERR_SERVICE_UNAVAILABLE, STR_NONE);
    default:
        return DROP;
    }
}

static enum verdict on_deliver(struct walk *walk) {
    struct wire *wire = deliver_wire(walk);
    enum verdict verdict = walk->target == TO_FULL ? deliver_full(walk, wire) : deliver_bare(walk, wire);
    wire_unref(&wire);
    return verdict;
}

static const struct hook message_hooks[] = {
    {OUT, STANZA_MESSAGE, TO(ACCOUNT) | TO(FULL), STAGE_CHECK, check_notice, "message-privacy"},
    {IN, STANZA_MESSAGE, TO(SELF) | TO(ACCOUNT), STAGE_CHECK, check_type, "message-type"},
    {IN, STANZA_MESSAGE, TO(SELF) | TO(ACCOUNT) | TO(FULL), STAGE_DELIVER, on_deliver, "message-deliver"},
    {0, 0, 0, 0, NULL, NULL},
};

const struct feature feature_message = {
    .name = "message",
    .spec = "RFC 6121, XEP-0085, XEP-0184, XEP-0333",
    .version = "2011, 2.1, 1.4.0, 1.0.0",
    .text = "The delivery table of RFC 6121 section 8; typing, receipts and markers reach only those who may see the "
            "sender's presence.",
    .hooks = message_hooks,
};
