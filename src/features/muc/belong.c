/*
 * belong.c: a group's people have it on all their devices (docs/decisions/019-groups.md): the room owes each a bookmark (XEP-0402), made by its
 * own home. From the room's home a debt, written with the change that causes it; at the account its settlement. Who was not brought in by somebody that
 * one knows is only invited: no stranger puts anything into one's list.
 */
#include "base/err.h"
#include "features/muc/room.h"
#include "im/account.h"
#include "im/bookmarks.h"
#include "im/debt.h"
#include "im/router.h"
#include "store/roster.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

/* --- the room's side --- */

struct belonging belonging_new(struct turn *turn, const struct room *r, const struct config *config,
                               struct arena *arena, struct str to, enum belonging_kind kind, struct str by) {
    struct xml_node *el = xml_new(turn->arena, NS_CLIENT, STR("iq"));
    if (router_target(r->im, jid_trusted(to), JID_NONE) != TO_ACCOUNT) return (struct belonging){.stanza = STR_NONE};
    struct belonging b = {.to = arena_dup(arena, to), .number = debt_number(turn)};
    xml_set(turn->arena, xml_set(turn->arena, el, STR("type"), STR("set")), STR("id"), STR("group"));
    xml_set(turn->arena, xml_set(turn->arena, el, STR("from"), room_bare(r)), STR("to"), to);
    struct xml_node *group = xml_add(turn->arena, el, NS_ROOMS, kind == BELONGS_NO_MORE ? STR("left") : STR("belongs"));
    if (kind == BELONGS_AND_INVITED) xml_set(turn->arena, group, STR("invited"), STR("true"));
    struct str name = config_get(config, OPTION_NAME);
    if (str_some(name)) xml_set(turn->arena, group, STR("name"), name);
    if (str_some(by)) xml_set(turn->arena, group, STR("by"), by);
    b.stanza = arena_dup(arena, xml_string(turn->arena, el, STR_NONE));
    return b;
}

int belonging_write(struct db *db, const struct room *r, const struct belonging *b) {
    return b->stanza.p ? owed_put(db, b->number, room_bare(r), b->to, b->stanza) : 0;
}

void belonging_send(struct turn *turn, const struct belonging *b) {
    if (b->stanza.p) router_send_owed(turn, b->stanza, jid_trusted(b->to), b->number);
}

/* With a text for programs that know no rooms. */
struct xml_node *invitation_new(struct arena *arena, struct str room, struct str name, struct str to, struct str by,
                                struct xml_node **out_invite) {
    struct xml_node *el = xml_new(arena, NS_CLIENT, STR("message"));
    xml_set(arena, xml_set(arena, el, STR("from"), room), STR("to"), to);
    struct xml_node *body = xml_add(arena, el, STR_NONE, STR("body"));
    xml_add_text(arena, body, ARENA_CONCAT(arena, by, STR(" invites you to the group "), str_some(name) ? name : room));
    *out_invite = xml_add(arena, xml_add(arena, el, NS_MUC_USER, STR("x")), STR_NONE, STR("invite"));
    xml_set(arena, *out_invite, STR("from"), by);
    xml_set(arena, xml_add(arena, el, NS_CONFERENCE, STR("x")), STR("jid"), room);
    return el;
}

/* --- the account's --- */

struct arrival {
    struct bookmarks_group group; /* first: bookmarks_group reads it */
    struct str stanza;
    struct jid from;
};

static void on_done(struct turn *turn, struct pubsub_request *r) {
    const struct arrival *arrival = r->data;
    if (r->job.result && r->job.result != ERR_NOT_FOUND) {
        debt_again(turn, arrival->group.owed, arrival->stanza, arrival->from, account_jid(r->account));
    } else {
        debt_settled(r->account->im);
    }
}

static void bookmark(struct walk *walk, const struct xml_node *el) {
    static const struct pubsub_op op = {true, bookmarks_group, on_done};
    struct pubsub_request *r = pubsub_new(walk->turn, walk->account, &op, NULL);
    struct arrival *arrival = ARENA_NEW(r->arena, struct arrival);
    struct str name = xml_attr(el, STR("name"));
    arrival->from = jid_dup(r->arena, walk->stanza.from);
    arrival->stanza = arena_dup(r->arena, xml_string(walk->turn->arena, walk->stanza.el, STR_NONE));
    arrival->group.room = jid_bare_str(arrival->from);
    arrival->group.name = name.p ? arena_dup(r->arena, name) : STR_NONE;
    arrival->group.belongs = str_eq(el->name, STR("belongs"));
    arrival->group.owed = walk->owed;
    r->data = arrival;
    walk->owed = 0; /* settled with it */
    pubsub_start(walk->turn, r);
}

static void invite(struct walk *walk, const struct xml_node *belongs) {
    struct arena *arena = walk->turn->arena;
    struct xml_node *told, *el = invitation_new(arena, jid_bare_str(walk->stanza.from), xml_attr(belongs, STR("name")),
                                                account_bare(walk->account), xml_attr(belongs, STR("by")), &told);
    router_send_kept(walk->turn, el, account_jid(walk->account), NULL);
}

static bool is_known(const struct account *a, struct str by) {
    const struct contact *contact = account_contact(a, by);
    if (str_eq(by, account_bare(a))) return true;
    return contact && contact->flags & (ROSTER_TO | ROSTER_FROM) && !account_blocks(a, jid_trusted(by));
}

enum verdict belonging_arrived(struct walk *walk) {
    const struct xml_node *el = walk->stanza.payload;
    if (!walk->owed || !el || !str_eq(el->ns, NS_ROOMS)) return PASS; /* only we owe anything */
    struct jid from = walk->stanza.from, to = walk->stanza.to;
    struct str by = xml_attr(el, STR("by"));
    if (debt_is_behind(walk->im, walk->owed, from, to)) {
        debt_again(walk->turn, walk->owed, xml_string(walk->turn->arena, walk->stanza.el, STR_NONE), from, to);
        walk->owed = 0;
    } else if (str_eq(el->name, STR("left")) || is_known(walk->account, by)) {
        bookmark(walk, el);
    } else if (!xml_attr(el, STR("invited")).p && !account_blocks(walk->account, jid_trusted(by))) {
        invite(walk, el); /* at the store before the debt goes there */
    }
    return DROP;
}
