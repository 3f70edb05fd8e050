/*
 * deliver.c: from an account to its sessions, on its home. A client that is being given what it missed (a flood) gets new kept messages
 * in the same stream of archive rows, so that it sees them in order and none twice.
 */
#include "im/deliver.h"

#include "base/codec.h"
#include "im/archive.h"
#include "im/handover.h"
#include "im/quiet.h"
#include "im/router.h"
#include "im/session.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

void delay_add(struct turn *turn, struct xml_node *el, struct str from, int64_t time_us) {
    struct xml_node *delay = xml_add(turn->arena, el, NS_DELAY, STR("delay"));
    xml_set(turn->arena, delay, STR("from"), from);
    xml_set(turn->arena, delay, STR("stamp"), datetime_format(turn->arena, time_us));
}

struct wire *deliver_stamped(struct turn *turn, const struct account *a, struct wire *wire, int64_t sequence) {
    if (!sequence) return wire_ref(wire);
    struct xml_node *id = xml_new(turn->arena, NS_SID, STR("stanza-id"));
    xml_set(turn->arena, id, STR("by"), account_bare(a));
    xml_set(turn->arena, id, STR("id"), archive_id(turn, a, sequence));
    return wire_with_child(wire, xml_string(turn->arena, id, STR_NONE));
}

struct wire *deliver_wire(struct walk *walk) {
    return deliver_stamped(walk->turn, walk->account, walk->crossing->wire, walk->in_sequence);
}

void deliver_to(struct turn *turn, struct session *s, struct wire *wire, int64_t sequence) {
    struct account *a = s->account;
    if (a->flooder == s && sequence) {
        if (sequence <= a->flood_at) {
            handover_wait(a, sequence); /* older than where the flood is: it comes back to it */
        } else {
            a->flood_missed = true;
        }
        return;
    }
    session_send(turn, s, wire, sequence);
}

bool deliver_reaches(const struct session *s) {
    return session_is_available(s) && s->priority >= 0;
}

unsigned deliver_to_available(struct turn *turn, struct account *a, struct wire *wire, int64_t sequence) {
    unsigned count = 0;
    LIST_EACH (&a->sessions, at, after) {
        struct session *s = CONTAINER_OF(at, struct session, in_account);
        if (!deliver_reaches(s)) continue;
        deliver_to(turn, s, wire, sequence);
        count++;
    }
    return count;
}

unsigned deliver_fleeting(struct turn *turn, struct account *a, struct wire *wire) {
    unsigned count = 0;
    LIST_EACH (&a->sessions, at, after) {
        struct session *s = CONTAINER_OF(at, struct session, in_account);
        if (!deliver_reaches(s) || s->quiet) continue;
        session_send(turn, s, wire, 0);
        count++;
    }
    return count;
}

void deliver_presence(struct turn *turn, struct account *a, struct jid from, struct wire *wire) {
    LIST_EACH (&a->sessions, at, after) {
        struct session *s = CONTAINER_OF(at, struct session, in_account);
        if (session_is_available(s) && !quiet_takes(turn, s, from, wire)) session_send(turn, s, wire, 0);
    }
}

/* RFC 6120 8.1: a request that nobody will answer is answered by us. */
static void deliver_bounce(struct turn *turn, const struct stanza *stanza) {
    struct xml_node *error = stanza_error_reply(turn->arena, stanza, STANZA_ERR_RECIPIENT_UNAVAILABLE, STR_NONE);
    router_send(turn, error, stanza->from);
}

void deliver_again(struct turn *turn, struct account *a, struct str full, const struct outbox_item *item, bool lost) {
    if (!item->request && !(item->sequence && lost)) return;
    int64_t sequence = item->sequence;
    struct buf bytes = BUF_INIT;
    wire_write(item->wire, full, &bytes);
    struct str copy = arena_dup(turn->arena, buf_str(&bytes));
    buf_free(&bytes);
    struct xml_scope scope = {.default_ns = STR_NONE};
    struct xml_node *el;
    struct stanza stanza;
    struct xml_limits limits = {UINT32_MAX, UINT16_MAX, UINT16_MAX, UINT32_MAX}; /* ours: checked where it came in */
    if (xml_parse(turn->arena, copy, &scope, &limits, &el) != XML_OK) return;
    if (stanza_read(turn->arena, el, &stanza) != STANZA_ERR_NONE) return;
    if (item->request) {
        deliver_bounce(turn, &stanza);
    } else if (stanza.kind == STANZA_MESSAGE && sequence && lost) {
        struct xml_node *late = xml_copy_shallow(turn->arena, el);
        delay_add(turn, late, server_domain(a->im), sequence);
        struct wire *again = wire_from(late);
        if (deliver_to_available(turn, a, again, sequence) == 0) handover_wait(a, sequence);
        wire_unref(&again);
    }
}
