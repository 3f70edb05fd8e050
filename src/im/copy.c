/*
 * copy.c: carbons. What must hold: no session gets a message twice, as itself and as a copy (so who has a copy has the message, as far as
 * handover.h is concerned); copies come in the order of the archive,
 * those of kept messages after their commit and with the id that this account's archive gave them.
 */
#include "im/copy.h"

#include <stdlib.h>

#include "base/check.h"
#include "im/archive.h"
#include "im/deliver.h"
#include "im/handover.h"
#include "im/quiet.h"
#include "im/router.h"
#include "im/session.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

static bool says_im(const struct xml_node *el) {
    static const struct str namespaces[] = {STR_INIT("urn:xmpp:receipts"),
                                            STR_INIT("http://jabber.org/protocol/chatstates"),
                                            STR_INIT("urn:xmpp:chat-markers:0"), STR_INIT("jabber:x:conference")};
    for (const struct xml_node *c = xml_first_element(el); c; c = xml_next_element(c)) {
        for (size_t i = 0; i < sizeof namespaces / sizeof *namespaces; i++) {
            if (str_eq(c->ns, namespaces[i])) return true;
        }
    }
    return false;
}

/* Section 6.1; an error is not compared with what it answers: who is not concerned does not know its id. */
bool copy_is_due(const struct stanza *m) {
    if (xml_child(m->el, NS_CARBONS, STR("private"))) return false;
    /* In an error hints are those of what it answers (XEP-0334 section 5). */
    if (m->type != MESSAGE_ERROR && xml_child(m->el, NS_HINTS, STR("no-copy"))) return false;
    switch (m->type) {
    case MESSAGE_CHAT:
    case MESSAGE_ERROR:
        return true;
    case MESSAGE_NORMAL:
        return xml_child(m->el, NS_CLIENT, STR("body")) || archive_is_content(m->el) || says_im(m->el);
    default:
        return false;
    }
}

void copy_enable(struct session *s) {
    if (!s->copies) s->account->copying++;
    s->copies = true;
}

void copy_disable(struct session *s) {
    if (s->copies) s->account->copying--;
    s->copies = false;
}

/* --- the wrapping --- */

static struct wire *copy_wire(struct turn *turn, const struct account *a, struct str kind, enum stanza_type type,
                              const struct wire *message, struct str to) {
    struct xml_node *el = xml_new(turn->arena, NS_CLIENT, STR("message"));
    xml_set(turn->arena, el, STR("type"), stanza_type_name(type));
    xml_set(turn->arena, el, STR("from"), account_bare(a));
    struct buf text = BUF_INIT;
    BUF_ADD_LIT(&text, "<");
    buf_add_str(&text, kind);
    BUF_ADD_LIT(&text, " xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'>");
    wire_write(message, to, &text);
    BUF_ADD_LIT(&text, "</forwarded></");
    buf_add_str(&text, kind);
    BUF_ADD_LIT(&text, ">");
    struct wire *empty = wire_from(el), *copy = wire_with_child(empty, buf_str(&text));
    wire_unref(&empty);
    buf_free(&text);
    return copy;
}

/* --- sent --- */

struct sent {
    struct pending pending;
    struct wire *wire;
    uint32_t session, generation; /* that sent it */
    uint32_t held;                /* bytes, of one that nobody else is charged with */
    enum stanza_type type;
    bool fleeting;
    uint16_t to_len;
    char to[];
};

/* Its turn has come: decided, and so is all before it. */
static void on_sent(struct turn *turn, struct account *a, struct pending *pending) {
    struct sent *sent = CONTAINER_OF(pending, struct sent, pending);
    if (pending->fate != FATE_REPEATED && a->copying) {
        struct wire *message =
            deliver_stamped(turn, a, sent->wire, pending->fate == FATE_ARCHIVED ? pending->sequence : 0);
        struct wire *copy = copy_wire(turn, a, STR("sent"), sent->type, message, str_of(sent->to, sent->to_len));
        LIST_EACH (&a->sessions, at, after) {
            struct session *s = CONTAINER_OF(at, struct session, in_account);
            bool is_sender = s->index == sent->session && s->generation == sent->generation;
            if (s->copies && !is_sender && !(s->quiet && sent->fleeting)) session_send(turn, s, copy, 0);
        }
        wire_unref(&copy);
        wire_unref(&message);
    }
    shard_let_go(turn->shard, sent->held);
    wire_unref(&sent->wire);
    free(sent);
}

struct pending *copy_place(struct walk *walk, struct wire *wire) {
    const struct account *a = walk->account;
    struct jid to = walk->stanza.to;
    if (a->copying <= walk->session->copies) return NULL;
    if (!jid_some(to) || jid_bare_eq(to, account_jid(a))) return NULL; /* to oneself: seen by all as it comes in */
    struct sent *sent = calloc(1, sizeof *sent + jid_str(to).len);
    CHECK(sent != NULL);
    sent->pending.proceed = on_sent;
    sent->wire = wire_ref(wire);
    sent->session = walk->session->index;
    sent->generation = walk->session->generation;
    sent->type = walk->stanza.type;
    sent->fleeting = quiet_drops(&walk->stanza);
    sent->held = walk->kept ? 0 : wire->len; /* what is kept is its session's charge (router_forward) */
    shard_hold(walk->turn->shard, sent->held);
    sent->to_len = (uint16_t)jid_str(to).len;
    memcpy(sent->to, jid_str(to).p, sent->to_len);
    return &sent->pending;
}

/* --- received --- */

void copy_received(struct walk *walk) {
    struct account *a = walk->account;
    struct jid from = walk->stanza.from, to = walk->stanza.to;
    if (a->copying == 0 || !walk->crossing->copied) return;
    bool is_own = jid_bare_eq(from, account_jid(a));
    const struct session *sender = is_own ? session_by_resource(a, jid_resource(from)) : NULL;
    const struct session *addressee = walk->target == TO_FULL ? session_by_resource(a, jid_resource(to)) : NULL;
    int64_t sequence = walk->offline ? walk->in_sequence : 0;
    bool waits = handover_waits_behind(a, sequence);
    struct wire *copy = NULL;
    LIST_EACH (&a->sessions, at, after) {
        struct session *s = CONTAINER_OF(at, struct session, in_account);
        if (!s->copies || s == sender || s == addressee || (s->quiet && walk->crossing->fleeting)) continue;
        if (!addressee && deliver_reaches(s)) continue;
        if (waits && !s->modern && !session_is_available(s)) continue; /* its presence will bring it, behind them */
        if (!copy) {
            struct wire *message = deliver_wire(walk);
            copy = copy_wire(walk->turn, a, is_own ? STR("sent") : STR("received"), walk->stanza.type, message,
                             jid_str(to));
            wire_unref(&message);
        }
        session_send(walk->turn, s, copy, sequence);
    }
    if (copy && sequence) handover_waits_no_more(a, sequence);
    wire_unref(&copy);
}

struct xml_node *copy_forwarded(const struct account *a, struct xml_node *el) {
    if (!str_eq(xml_attr(el, STR("from")), account_bare(a))) return NULL;
    struct xml_node *kind = xml_child(el, NS_CARBONS, STR("received"));
    if (!kind) kind = xml_child(el, NS_CARBONS, STR("sent"));
    return kind ? xml_child(kind, NS_FORWARD, STR("forwarded")) : NULL;
}

struct xml_node *copy_original(const struct account *a, struct xml_node *el) {
    struct xml_node *forwarded = copy_forwarded(a, el);
    struct xml_node *original = forwarded ? xml_child(forwarded, NS_CLIENT, STR("message")) : NULL;
    return original ? original : el;
}
