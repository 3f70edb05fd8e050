/* request.c: requests to a room: which there are, and what several of them need. */
#include "features/muc/room.h"
#include "im/iq.h"
#include "xmpp/ns.h"

enum { PAGE = 200 /* of people, of rooms */ };

struct occupant *asker_of(const struct walk *walk, const struct room *r) {
    struct sitter *s = room_sitter(r, walk->stanza.from);
    return s ? s->occupant : NULL;
}

enum affiliation asker_affiliation(const struct walk *walk, const struct room *r) {
    return room_affiliation(r, jid_bare_str(walk->stanza.from));
}

/* --- pages --- */

bool page_read(struct walk *walk, struct rsm_query *out) {
    bool is_sound = rsm_read(walk->turn->arena, walk->stanza.payload, out) == 0 && !out->has_before && !out->has_index;
    if (!is_sound) iq_refuse(walk, STANZA_ERR_BAD_REQUEST, STR_NONE);
    if (!out->has_max || out->max > PAGE) out->max = PAGE;
    return is_sound;
}

/* Occupants from where that page begins, in the order in which they came: its nicks. `role`: only those; ROLE_NONE: all. */
void list_occupants(struct walk *walk, struct room *r, struct xml_node *query, enum role role,
                    void (*add)(struct turn *turn, struct xml_node *query, const struct occupant *o)) {
    struct rsm_query page;
    if (!page_read(walk, &page)) return;
    const struct link *at = r->occupants.next;
    if (page.has_after) {
        const struct occupant *after = room_by_nick(r, page.after);
        if (!after) {
            iq_refuse(walk, STANZA_ERR_ITEM_NOT_FOUND, STR_NONE);
            return;
        }
        at = after->in_room.next;
    }
    struct str first = STR_NONE, last = STR_NONE;
    uint32_t count = 0;
    for (; at != &r->occupants && count < page.max; at = at->next) {
        const struct occupant *o = CONTAINER_OF(at, struct occupant, in_room);
        if (role != ROLE_NONE && o->role != role) continue;
        add(walk->turn, query, o);
        last = str_c(o->nick);
        if (count++ == 0) first = last;
    }
    if (at != &r->occupants || page.has_max || page.has_after)
        rsm_add(walk->turn->arena, query, first, last, -1, role == ROLE_NONE ? (int64_t)r->occupant_count : -1);
    iq_answer(walk, query);
}

/* --- to somebody in it --- */

/* Am I still here (XEP-0410)? Other requests to people behind nicks are not passed on. */
static void on_occupant(struct walk *walk, struct room *r) {
    const struct occupant *own = asker_of(walk, r), *o = room_by_nick(r, jid_resource(walk->stanza.to));
    if (!own) {
        iq_refuse(walk, STANZA_ERR_NOT_ACCEPTABLE, STR("You are not in this room."));
    } else if (!o) {
        iq_refuse(walk, STANZA_ERR_ITEM_NOT_FOUND, STR_NONE);
    } else if (o == own && xml_is(walk->stanza.payload, NS_PING, STR("ping"))) {
        iq_answer(walk, NULL);
    } else {
        iq_refuse(walk, STANZA_ERR_SERVICE_UNAVAILABLE, STR_NONE);
    }
}

/* --- all of them --- */

static void on_ping(struct walk *walk, struct room *r) {
    (void)r;
    iq_answer(walk, NULL);
}

static const struct {
    enum stanza_type type;
    struct str ns, name;
    void (*run)(struct walk *walk, struct room *r);
} handlers[] = {
    {IQ_GET, STR_INIT("http://jabber.org/protocol/disco#info"), STR_INIT("query"), on_disco_info},
    {IQ_GET, STR_INIT("http://jabber.org/protocol/disco#items"), STR_INIT("query"), on_items},
    {IQ_GET, STR_INIT("http://jabber.org/protocol/muc#admin"), STR_INIT("query"), on_admin_get},
    {IQ_SET, STR_INIT("http://jabber.org/protocol/muc#admin"), STR_INIT("query"), on_admin_set},
    {IQ_GET, STR_INIT("http://jabber.org/protocol/muc#owner"), STR_INIT("query"), on_owner_get},
    {IQ_SET, STR_INIT("http://jabber.org/protocol/muc#owner"), STR_INIT("query"), on_owner_set},
    {IQ_GET, STR_INIT("jabber:iq:register"), STR_INIT("query"), on_register_get},
    {IQ_SET, STR_INIT("jabber:iq:register"), STR_INIT("query"), on_register_set},
    {IQ_GET, STR_INIT("urn:xmpp:ping"), STR_INIT("ping"), on_ping},
    {IQ_SET, STR_INIT("urn:xmpp:mam:2"), STR_INIT("query"), past_on_query},
    {IQ_GET, STR_INIT("urn:xmpp:mam:2"), STR_INIT("metadata"), past_on_query},
    {IQ_GET, STR_INIT("urn:xmpp:mam:2"), STR_INIT("query"), past_on_form},
};

void iq_on(struct walk *walk, struct room *r) {
    if (stanza_is_answer(&walk->stanza)) return;
    bool is_shut = r->is_locked && asker_affiliation(walk, r) < AFFILIATION_OWNER;
    if (!room_exists(r) || is_shut) {
        iq_refuse(walk, STANZA_ERR_ITEM_NOT_FOUND, STR("There is no such room."));
        return;
    }
    if (!jid_is_bare(walk->stanza.to)) {
        on_occupant(walk, r);
        return;
    }
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
        if (handlers[i].type != walk->stanza.type || !xml_is(walk->stanza.payload, handlers[i].ns, handlers[i].name))
            continue;
        handlers[i].run(walk, r);
        return;
    }
    iq_refuse(walk, STANZA_ERR_SERVICE_UNAVAILABLE, STR_NONE);
}
