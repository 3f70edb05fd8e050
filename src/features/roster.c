/*
 * roster.c: contacts as the user keeps them (RFC 6121 section 2), with versions. The service below it is im/change.c (writing) and
 * im/account.c (memory); pushes go to every session that asked for the list.
 */
#include "im/roster.h"

#include "im/change.h"
#include "im/feature.h"
#include "im/iq.h"
#include "im/presence.h"
#include "im/router.h"
#include "im/session.h"
#include "store/roster.h"
#include "xmpp/ns.h"

enum { NAME_MAX = 1023, GROUP_MAX = 1023, GROUPS_MAX = 8192 };

/* --- asking --- */

static void on_get(struct walk *walk) {
    struct arena *arena = walk->turn->arena;
    struct account *a = walk->account;
    walk->session->interested = true;
    if (walk->session->stream) stream_charge(walk->session->stream, walk->account->contacts.count / 16);
    struct str known = xml_attr(walk->stanza.payload, STR("ver"));
    struct str version = arena_printf(arena, "%lld", (long long)a->roster_version);
    if (known.p && str_eq(known, version)) { /* section 2.6.3: nothing has changed */
        iq_answer(walk, NULL);
        return;
    }
    struct wire *wire = roster_answer(iq_result_of(walk), a, known.p != NULL);
    session_send(walk->turn, walk->session, wire, 0);
    wire_unref(&wire);
}

/* --- setting --- */

struct roster_set {
    struct jid jid;
    struct str name, groups;
    bool remove;
};

static enum stanza_error read_groups(struct arena *arena, const struct xml_node *item, struct str *out) {
    struct str all = STR("");
    for (const struct xml_node *g = xml_child(item, NS_ROSTER, STR("group")); g; g = xml_again(g)) {
        struct str name = xml_text(arena, g);
        struct str line = ARENA_CONCAT(arena, name, STR("\n"));
        bool is_first = all.len == 0;
        if (!str_some(name) || name.len > GROUP_MAX || str_index(name, '\n') < name.len ||
            all.len + line.len > GROUPS_MAX) {
            return STANZA_ERR_NOT_ACCEPTABLE;
        }
        /* RFC 6121 2.3.3: a group named twice is a bad request. */
        struct str framed = ARENA_CONCAT(arena, STR("\n"), all);
        struct str needle = ARENA_CONCAT(arena, STR("\n"), line);
        if (!is_first && memmem(framed.p, framed.len, needle.p, needle.len)) return STANZA_ERR_BAD_REQUEST;
        all = ARENA_CONCAT(arena, all, line);
    }
    *out = all;
    return STANZA_ERR_NONE;
}

static enum stanza_error read_set(struct walk *walk, struct change *c, struct roster_set *out) {
    struct arena *arena = c->arena;
    const struct xml_node *item = xml_child(walk->stanza.payload, NS_ROSTER, STR("item"));
    if (!item || xml_next_element(item) || item != xml_first_element(walk->stanza.payload))
        return STANZA_ERR_BAD_REQUEST;
    struct str address = xml_attr(item, STR("jid"));
    if (!address.p) return STANZA_ERR_BAD_REQUEST;
    if (jid_parse(arena, arena_dup(arena, address), &out->jid)) return STANZA_ERR_JID_MALFORMED;
    if (jid_bare_eq(out->jid, account_jid(walk->account))) return STANZA_ERR_NOT_ALLOWED;
    out->remove = str_eq(xml_attr(item, STR("subscription")), STR("remove"));
    struct str name = xml_attr(item, STR("name"));
    if (name.len > NAME_MAX) return STANZA_ERR_NOT_ACCEPTABLE;
    out->name = arena_dup(arena, name);
    return read_groups(arena, item, &out->groups);
}

static void owe_presence(struct turn *turn, struct account *a, struct change *c, struct jid to, struct str type) {
    struct xml_node *el = xml_new(turn->arena, NS_CLIENT, STR("presence"));
    xml_set(turn->arena, el, STR("type"), type);
    xml_set(turn->arena, el, STR("from"), account_bare(a));
    change_owe(turn, c, el, jid_bare(to));
}

static void decide_set(struct turn *turn, struct account *a, struct change *c) {
    struct roster_set *set = c->data;
    const struct contact *old = account_contact(a, jid_str(set->jid));
    unsigned flags = old ? old->flags : 0;
    if (!set->remove) {
        if (!account_has_room(a, jid_str(set->jid), set->name, set->groups)) {
            iq_later_refuse(turn, &c->later, STANZA_ERR_RESOURCE_CONSTRAINT,
                            STR("Too many contacts, or too much in them."));
            return;
        }
        change_contact(c, jid_str(set->jid), set->name, set->groups, flags | ROSTER_LISTED);
        return;
    }
    if (!old || !(flags & ROSTER_LISTED)) {
        iq_later_refuse(turn, &c->later, STANZA_ERR_ITEM_NOT_FOUND, STR_NONE);
        return;
    }
    /* Section 2.5.2: both directions end. */
    if (flags & (ROSTER_TO | ROSTER_ASK)) owe_presence(turn, a, c, set->jid, STR("unsubscribe"));
    if (flags & ROSTER_FROM) {
        presence_hide(turn, a, set->jid);
        owe_presence(turn, a, c, set->jid, STR("unsubscribed"));
    }
    if (map_get(&a->requests, jid_bare_str(set->jid))) { /* nor is what it has asked for granted */
        change_request_gone(c, jid_bare_str(set->jid));
        if (!(flags & ROSTER_FROM)) owe_presence(turn, a, c, set->jid, STR("unsubscribed"));
    }
    change_contact_gone(c, jid_str(set->jid));
}

static void finish_set(struct turn *turn, struct account *a, struct change *c, int err) {
    struct roster_set *set = c->data;
    if (!c->later) return; /* refused */
    if (err) {
        iq_later_failed(turn, &c->later, err);
        return;
    }
    roster_push(turn, a, jid_str(set->jid));
    iq_later_answer(turn, &c->later, NULL);
}

static void on_set(struct walk *walk) {
    struct change *c = change_new(decide_set, finish_set);
    struct roster_set *set = ARENA_NEW(c->arena, struct roster_set);
    enum stanza_error error = read_set(walk, c, set);
    c->data = set;
    if (error) {
        change_drop(&c);
        iq_refuse(walk, error, STR_NONE);
        return;
    }
    c->later = iq_defer(walk);
    change_start(walk->turn, walk->account, c);
}

static const struct iq_handler roster_iq[] = {
    {IQ_GET, TO(SELF), STR_INIT("jabber:iq:roster"), STR_INIT("query"), on_get},
    {IQ_SET, TO(SELF), STR_INIT("jabber:iq:roster"), STR_INIT("query"), on_set},
    {0, 0, {NULL, 0}, {NULL, 0}, NULL},
};

static const struct str roster_disco[] = {STR_INIT("jabber:iq:roster"), {NULL, 0}};

const struct feature feature_roster = {
    .name = "roster",
    .spec = "RFC 6121",
    .version = "2011",
    .text = "Contacts with groups and versions; pushes to every interested session.",
    .disco_account = roster_disco,
    .iq = roster_iq,
};
