/* roster.c: contacts on the wire (RFC 6121 2.1). On the account's home. */
#include "im/roster.h"

#include "im/session.h"
#include "store/roster.h"
#include "xmpp/ns.h"

static struct str subscription_name(unsigned flags) {
    static const struct str names[] = {STR_INIT("none"), STR_INIT("to"), STR_INIT("from"), STR_INIT("both")};
    return names[flags & (ROSTER_TO | ROSTER_FROM)];
}

void roster_item(struct arena *arena, struct xml_node *query, const struct contact *c) {
    struct xml_node *item = xml_add(arena, query, STR_NONE, STR("item"));
    xml_set(arena, item, STR("jid"), contact_jid(c));
    if (c->name_len) xml_set(arena, item, STR("name"), contact_name(c));
    xml_set(arena, item, STR("subscription"), subscription_name(c->flags));
    if (c->flags & ROSTER_ASK) xml_set(arena, item, STR("ask"), STR("subscribe"));
    if (c->flags & ROSTER_APPROVED) xml_set(arena, item, STR("approved"), STR("true"));
    for (struct str left = contact_groups(c); str_some(left);) {
        struct str group = str_first(left, str_index(left, '\n'));
        left = str_from(left, group.len + 1);
        xml_add_text(arena, xml_add(arena, item, STR_NONE, STR("group")), group);
    }
}

void roster_push(struct turn *turn, struct account *a, struct str jid) {
    struct arena *arena = turn->arena;
    const struct contact *c = account_contact(a, jid);
    struct xml_node *iq = xml_new(arena, NS_CLIENT, STR("iq"));
    char id[23];
    random_id(id);
    xml_set(arena, iq, STR("type"), STR("set"));
    xml_set(arena, iq, STR("id"), str_c(id));
    xml_set(arena, iq, STR("from"), account_bare(a));
    struct xml_node *query = xml_add(arena, iq, NS_ROSTER, STR("query"));
    xml_set(arena, query, STR("ver"), arena_printf(arena, "%lld", (long long)a->roster_version));
    if (c && (c->flags & ROSTER_LISTED)) {
        roster_item(arena, query, c);
    } else {
        struct xml_node *item = xml_add(arena, query, STR_NONE, STR("item"));
        xml_set(arena, item, STR("jid"), jid);
        xml_set(arena, item, STR("subscription"), STR("remove"));
    }
    struct wire *wire = wire_from(iq);
    LIST_EACH (&a->sessions, at, after) {
        struct session *s = CONTAINER_OF(at, struct session, in_account);
        if (s->interested) session_send(turn, s, wire, 0);
    }
    wire_unref(&wire);
}
