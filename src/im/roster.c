/* roster.c: contacts on the wire (RFC 6121 2.1), written without a tree: there may be thousands in one answer. On the account's home. */
#include "im/roster.h"

#include "im/session.h"
#include "store/roster.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

static struct str subscription_name(unsigned flags) {
    static const struct str names[] = {STR_INIT("none"), STR_INIT("to"), STR_INIT("from"), STR_INIT("both")};
    return names[flags & (ROSTER_TO | ROSTER_FROM)];
}

static void add_attr(struct buf *out, struct str name, struct str value) {
    buf_add_char(out, ' ');
    buf_add_str(out, name);
    BUF_ADD_LIT(out, "='");
    xml_escape_value(out, value);
    buf_add_char(out, '\'');
}

static void add_item(struct buf *out, const struct contact *c) {
    BUF_ADD_LIT(out, "<item");
    add_attr(out, STR("jid"), contact_jid(c));
    if (c->name_len) add_attr(out, STR("name"), contact_name(c));
    add_attr(out, STR("subscription"), subscription_name(c->flags));
    if (c->flags & ROSTER_ASK) add_attr(out, STR("ask"), STR("subscribe"));
    if (c->flags & ROSTER_APPROVED) add_attr(out, STR("approved"), STR("true"));
    struct str left = contact_groups(c);
    if (!str_some(left)) {
        BUF_ADD_LIT(out, "/>");
        return;
    }
    buf_add_char(out, '>');
    while (str_some(left)) {
        struct str group = str_first(left, str_index(left, '\n'));
        left = str_from(left, group.len + 1);
        BUF_ADD_LIT(out, "<group>");
        xml_escape(out, group);
        BUF_ADD_LIT(out, "</group>");
    }
    BUF_ADD_LIT(out, "</item>");
}

static void add_query(struct buf *out, const struct account *a, bool with_version) {
    BUF_ADD_LIT(out, "<query xmlns='jabber:iq:roster'");
    if (with_version) buf_printf(out, " ver='%lld'", (long long)a->roster_version);
    buf_add_char(out, '>');
}

struct wire *roster_answer(const struct xml_node *result, const struct account *a, bool with_version) {
    struct buf query = BUF_INIT;
    add_query(&query, a, with_version);
    for (uint32_t i = 0; i < a->contacts.count; i++) {
        const struct contact *c = a->contacts.items[i];
        if (c->flags & ROSTER_LISTED) add_item(&query, c);
    }
    BUF_ADD_LIT(&query, "</query>");
    struct wire *empty = wire_from(result), *wire = wire_with_child(empty, buf_str(&query));
    wire_unref(&empty);
    buf_free(&query);
    return wire;
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
    struct buf query = BUF_INIT;
    add_query(&query, a, true);
    if (c && (c->flags & ROSTER_LISTED)) {
        add_item(&query, c);
    } else {
        BUF_ADD_LIT(&query, "<item");
        add_attr(&query, STR("jid"), jid);
        BUF_ADD_LIT(&query, " subscription='remove'/>");
    }
    BUF_ADD_LIT(&query, "</query>");
    struct wire *empty = wire_from(iq), *wire = wire_with_child(empty, buf_str(&query));
    wire_unref(&empty);
    buf_free(&query);
    LIST_EACH (&a->sessions, at, after) {
        struct session *s = CONTAINER_OF(at, struct session, in_account);
        if (s->interested) session_send(turn, s, wire, 0);
    }
    wire_unref(&wire);
}
