/*
 * deliver.c: from an account to its sessions, on its home. A client that is being given what it missed (a flood) gets new kept messages
 * in the same stream of archive rows, so that it sees them in order and none twice.
 */
#include "im/deliver.h"

#include "base/codec.h"
#include "im/archive.h"
#include "im/copy.h"
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
    /* Of each message, so it is written without a tree: nothing in a bare address has to be escaped (RFC 7622 3.3.1). */
    struct str id = ARENA_CONCAT(turn->arena, STR("<stanza-id xmlns='"), NS_SID, STR("' by='"), account_bare(a),
                                 STR("' id='"), archive_id(turn, a, sequence), STR("'/>"));
    return wire_with_child(wire, id);
}

/* Of the server's own; what others say of their delays is their business. */
static bool has_delay(const struct xml_node *el, struct str domain) {
    for (const struct xml_node *c = xml_first_element(el); c; c = xml_next_element(c)) {
        if (xml_is(c, NS_DELAY, STR("delay")) && str_eq(xml_attr(c, STR("from")), domain)) return true;
    }
    return false;
}

static struct xml_node *wire_parse(struct turn *turn, const struct wire *wire, struct str to) {
    struct buf bytes = BUF_INIT;
    wire_write(wire, to, &bytes);
    struct str copy = arena_dup(turn->arena, buf_str(&bytes));
    buf_free(&bytes);
    return xml_parse_own(turn->arena, copy);
}

/* Where the account's archive has it, to the microsecond: so one late message never seems older than the one before it. */
static int64_t archived_us(struct turn *turn, const struct account *a, const struct xml_node *message,
                           int64_t otherwise_us) {
    for (const struct xml_node *c = xml_first_element(message); c; c = xml_next_element(c)) {
        int64_t sequence;
        if (xml_is(c, NS_SID, STR("stanza-id")) && str_eq(xml_attr(c, STR("by")), account_bare(a)) &&
            archive_id_read(turn, a, xml_attr(c, STR("id")), &sequence) == 0)
            return sequence;
    }
    return otherwise_us;
}

struct wire *deliver_late(struct turn *turn, const struct account *a, const struct wire *wire, int64_t time_us) {
    if (!str_starts(str_of(wire->bytes, wire->len), STR("<message"))) return NULL;
    struct xml_node *el = wire_parse(turn, wire, STR_NONE);
    struct xml_node *forwarded = el ? copy_forwarded(a, el) : NULL, *stamped = forwarded ? forwarded : el;
    if (!el || has_delay(stamped, server_domain(a->im))) return NULL;
    delay_add(turn, stamped, server_domain(a->im), archived_us(turn, a, copy_original(a, el), time_us));
    return wire_from(el);
}

struct wire *deliver_wire(struct walk *walk) {
    return deliver_stamped(walk->turn, walk->account, walk->crossing->wire, walk->hidden ? 0 : walk->in_sequence);
}

void deliver_to(struct turn *turn, struct session *s, struct wire *wire, int64_t sequence) {
    struct account *a = s->account;
    if (sequence && handover_flood_is_to(a, s)) {
        handover_owe(a, sequence);
    } else {
        session_send(turn, s, wire, sequence);
    }
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
    struct stanza stanza;
    struct xml_node *el = wire_parse(turn, item->wire, full);
    if (!el) return;
    el = copy_original(a, el);
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
