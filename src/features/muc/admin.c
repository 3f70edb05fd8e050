/*
 * admin.c: requests to a room (XEP-0045 sections 6, 7.10, 8 to 10) and to the service: what it is, who is what in it, its settings, its end.
 * A change goes to the store first; it is in force, told and answered after the commit.
 */
#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "features/muc/room.h"
#include "im/crossing.h"
#include "im/iq.h"
#include "im/removal.h"
#include "im/router.h"
#include "xml/writer.h"
#include "xmpp/form.h"
#include "xmpp/ns.h"
#include "xmpp/rsm.h"

enum {
    PEOPLE_MAX = 20000 /* with an affiliation in one room */,
    ITEMS_MAX = 100,
    PAGE = 200 /* of people, of rooms */
};

enum { REASON_MAX = 1000 /* bytes; a longer one is left out */ };

static struct occupant *asker_of(const struct walk *walk, const struct room *r) {
    struct sitter *s = room_sitter(r, walk->stanza.from);
    return s ? s->occupant : NULL;
}

static enum affiliation asker_affiliation(const struct walk *walk, const struct room *r) {
    return room_affiliation(r, jid_bare_str(walk->stanza.from));
}

/* --- what it is (6.4, 6.5) --- */

static void feature_add(struct arena *arena, struct xml_node *query, struct str var) {
    xml_set(arena, xml_add(arena, query, STR_NONE, STR("feature")), STR("var"), var);
}

static struct xml_node *info_new(struct arena *arena, struct str name) {
    struct xml_node *query = xml_new(arena, NS_DISCO_INFO, STR("query"));
    struct xml_node *identity = xml_add(arena, query, STR_NONE, STR("identity"));
    xml_set(arena, identity, STR("category"), STR("conference"));
    xml_set(arena, identity, STR("type"), STR("text"));
    xml_set(arena, identity, STR("name"), name);
    static const struct str common[] = {STR_INIT("http://jabber.org/protocol/disco#info"),
                                        STR_INIT("http://jabber.org/protocol/disco#items"),
                                        STR_INIT("http://jabber.org/protocol/muc"),
                                        STR_INIT("urn:xmpp:occupant-id:0"),
                                        STR_INIT("urn:xmpp:ping"),
                                        STR_INIT("http://jabber.org/protocol/muc#self-ping-optimization"),
                                        {NULL, 0}};
    for (const struct str *f = common; f->p; f++) feature_add(arena, query, *f);
    return query;
}

static void on_info(struct walk *walk, struct room *r) {
    struct arena *arena = walk->turn->arena;
    const struct config *c = &r->config;
    struct str name = config_get(c, OPTION_NAME);
    struct xml_node *query = info_new(arena, str_some(name) ? name : room_local(r));
    feature_add(arena, query, STR("http://jabber.org/protocol/muc#request"));
    feature_add(arena, query, STR("jabber:iq:register"));
    feature_add(arena, query, STR("urn:xmpp:sid:0"));
    feature_add(arena, query, NS_MAM);
    feature_add(arena, query, STR("urn:xmpp:mam:2#extended"));
    const struct {
        enum room_option option;
        struct str yes, no;
    } facts[] = {
        {OPTION_PUBLIC, STR_INIT("muc_public"), STR_INIT("muc_hidden")},
        {OPTION_PERSISTENT, STR_INIT("muc_persistent"), STR_INIT("muc_temporary")},
        {OPTION_MEMBERS_ONLY, STR_INIT("muc_membersonly"), STR_INIT("muc_open")},
        {OPTION_MODERATED, STR_INIT("muc_moderated"), STR_INIT("muc_unmoderated")},
        {OPTION_PROTECTED, STR_INIT("muc_passwordprotected"), STR_INIT("muc_unsecured")},
    };
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
        feature_add(arena, query, config_is(c, facts[i].option) ? facts[i].yes : facts[i].no);
    bool is_open = str_eq(config_get(c, OPTION_WHOIS), STR("anyone"));
    feature_add(arena, query, is_open ? STR("muc_nonanonymous") : STR("muc_semianonymous"));
    struct xml_node *form = form_new(arena, STR("result"), STR("http://jabber.org/protocol/muc#roominfo"));
    form_add(arena, form, STR_NONE, STR("muc#roominfo_description"), config_get(c, OPTION_DESCRIPTION));
    form_add(arena, form, STR_NONE, STR("muc#roominfo_lang"), config_get(c, OPTION_LANGUAGE));
    if (room_past_is_for(r, walk->stanza.from)) /* what is said there is said to some */
        form_add(arena, form, STR_NONE, STR("muc#roominfo_subject"), r->subject ? str_c(r->subject) : STR(""));
    form_add(arena, form, STR_NONE, STR("muc#roominfo_occupants"), arena_printf(arena, "%u", r->occupant_count));
    form_add(arena, form, STR_NONE, STR("muc#maxhistoryfetch"), config_get(c, OPTION_HISTORY));
    xml_append(query, form);
    iq_answer(walk, query);
}

/* The nick that one has there (7.12). */
static void on_own_nick(struct walk *walk, struct room *r) {
    struct arena *arena = walk->turn->arena;
    struct xml_node *query = xml_new(arena, NS_DISCO_INFO, STR("query"));
    xml_set(arena, query, STR("node"), STR("x-roomuser-item"));
    const struct person *p = room_person(r, jid_bare_str(walk->stanza.from));
    if (p && p->nick_len) {
        struct xml_node *identity = xml_add(arena, query, STR_NONE, STR("identity"));
        xml_set(arena, identity, STR("category"), STR("conference"));
        xml_set(arena, identity, STR("type"), STR("text"));
        xml_set(arena, identity, STR("name"), person_nick(p));
    }
    iq_answer(walk, query);
}

/* --- lists and what changes them (muc#admin) --- */

struct item {
    bool by_nick;
    enum role role;
    enum affiliation affiliation;
    struct str nick, bare, reason;
};

struct items {
    struct item *list;
    uint32_t count;
    struct str actor;
};

static bool is_unsound_item(struct arena *arena, const struct xml_node *el, struct item *out) {
    struct str role = xml_attr(el, STR("role")), affiliation = xml_attr(el, STR("affiliation")),
               jid = xml_attr(el, STR("jid"));
    struct jid parsed;
    *out = (struct item){.by_nick = role.p != NULL};
    struct str nick = xml_attr(el, STR("nick"));
    if (str_some(nick) && jid_prepare_resource(arena, nick, &out->nick) != 0) return true;
    struct str reason = xml_child_text(arena, el, NS_MUC_ADMIN, STR("reason"));
    out->reason = reason.len <= REASON_MAX ? reason : STR_NONE;
    if (out->by_nick) return affiliation.p || !str_some(out->nick) || !role_of(role, &out->role);
    if (!affiliation.p || !affiliation_of(affiliation, &out->affiliation)) return true;
    if (!str_some(jid)) return !str_some(out->nick);
    if (jid_parse(arena, jid, &parsed) != 0) return true;
    out->bare = jid_bare_str(parsed);
    return parsed.local_len == 0 && out->affiliation != AFFILIATION_OUTCAST && out->affiliation != AFFILIATION_NONE;
}

/* May `own` make somebody who is `old` into `next`? */
static bool may_affiliate(enum affiliation own, enum affiliation old, enum affiliation next) {
    if (own == AFFILIATION_OWNER) return true;
    return own == AFFILIATION_ADMIN && old < AFFILIATION_ADMIN && next < AFFILIATION_ADMIN;
}

static bool may_give_role(const struct room *r, const struct occupant *own, const struct occupant *o, enum role role) {
    enum affiliation mine = room_affiliation(r, str_c(own->bare)), theirs = room_affiliation(r, str_c(o->bare));
    if (own->role < ROLE_MODERATOR || own == o) return false;
    bool is_about_moderators = role == ROLE_MODERATOR || o->role == ROLE_MODERATOR;
    if (is_about_moderators && (mine < AFFILIATION_ADMIN || theirs >= AFFILIATION_ADMIN)) return false;
    return mine >= theirs;
}

static void give_role(struct walk *walk, const struct room *r, struct occupant *o, const struct item *item,
                      struct str actor) {
    static const int kicked[] = {307, 0};
    (void)r;
    if (item->role == ROLE_NONE) {
        struct remark remark = {.codes = kicked, .actor = actor, .reason = item->reason};
        occupant_expel(walk->turn, o, &remark);
    } else {
        o->role = item->role;
        occupant_show(walk->turn, o, NULL);
    }
}

static void on_roles(struct walk *walk, struct room *r, const struct items *items) {
    struct occupant *own = asker_of(walk, r);
    for (uint32_t i = 0; i < items->count; i++) { /* all or none */
        struct occupant *o = room_by_nick(r, items->list[i].nick);
        bool is_mixed = !items->list[i].by_nick;
        if (!o || is_mixed || !own || !may_give_role(r, own, o, items->list[i].role)) {
            iq_refuse(walk,
                      is_mixed                     ? STANZA_ERR_BAD_REQUEST
                      : !own                       ? STANZA_ERR_FORBIDDEN
                      : !o                         ? STANZA_ERR_ITEM_NOT_FOUND
                      : own->role < ROLE_MODERATOR ? STANZA_ERR_FORBIDDEN
                                                   : STANZA_ERR_NOT_ALLOWED,
                      STR_NONE);
            return;
        }
    }
    iq_answer(walk, NULL);
    for (uint32_t i = 0; i < items->count; i++) {
        struct occupant *o = room_by_nick(r, items->list[i].nick);
        if (o) give_role(walk, r, o, &items->list[i], items->actor);
    }
}

static uint32_t owners_after(const struct room *r, const struct items *items) {
    uint32_t owners = 0;
    size_t at = 0;
    for (const struct person *p; (p = map_next(&r->people, &at));) owners += p->affiliation == AFFILIATION_OWNER;
    for (uint32_t i = 0; i < items->count; i++) {
        bool was = room_affiliation(r, items->list[i].bare) == AFFILIATION_OWNER;
        bool is = items->list[i].affiliation == AFFILIATION_OWNER;
        owners = owners + is - was;
    }
    return owners;
}

static struct room_person person_of(struct walk *walk, const struct room *r, const struct item *item) {
    const struct person *known = room_person(r, item->bare);
    bool belongs = item->affiliation >= AFFILIATION_MEMBER;
    struct str nick = !belongs ? STR_NONE : str_some(item->nick) ? item->nick : known ? person_nick(known) : STR_NONE;
    bool belonged = known && known->affiliation >= AFFILIATION_MEMBER;
    int64_t since_us = belonged ? known->since_us : walk->turn->wall_us;
    return (struct room_person){item->bare, item->affiliation, nick, item->reason, since_us};
}

/* --- a change of affiliations --- */

struct affiliating {
    struct items items;
    struct room_person *people;
    struct belonging *belongings;
    /* Of invitations: who sends them, and waits. */
    struct origin origin;
    struct jid from;
    struct str message; /* whose refusal says that it was not done; STR_NONE: there is none */
    struct xml_node **invitations;
    struct jid *invited;
    uint32_t invited_count;
};

static int affiliations_write(struct db *db, struct room_change *c) {
    const struct affiliating *what = c->what;
    int err = 0;
    for (uint32_t i = 0; !err && i < what->items.count; i++) {
        err = rooms_set_person(db, c->room->id, &what->people[i]);
        if (!err) err = belonging_write(db, c->room, &what->belongings[i]);
    }
    return err;
}

/* Somebody who is not there has become something else: for those who may know who people are. */
static void absent_told(struct turn *turn, struct room *r, const struct item *item) {
    struct arena *arena = turn->arena;
    struct xml_node *el = xml_new(arena, NS_CLIENT, STR("message"));
    xml_set(arena, el, STR("from"), room_bare(r));
    struct xml_node *told = xml_add(arena, xml_add(arena, el, NS_MUC_USER, STR("x")), STR_NONE, STR("item"));
    xml_set(arena, told, STR("affiliation"), affiliation_name(item->affiliation));
    xml_set(arena, told, STR("role"), STR("none"));
    xml_set(arena, told, STR("jid"), item->bare);
    if (str_some(item->reason)) xml_add_text(arena, xml_add(arena, told, STR_NONE, STR("reason")), item->reason);
    struct wire *wire = wire_from(el);
    room_tell_trusted(turn, r, wire);
    wire_unref(&wire);
}

static bool is_of_domain(const struct occupant *o, struct str domain) {
    return str_eq(jid_domain(jid_trusted(str_c(o->bare))), domain);
}

static void item_apply(struct turn *turn, struct room *r, const struct item *item, struct str actor) {
    struct occupant *o = room_by_bare(r, item->bare);
    if (o) {
        occupant_affiliated(turn, o, room_affiliation(r, item->bare), actor, item->reason);
        return;
    }
    if (jid_trusted(item->bare).local_len) {
        absent_told(turn, r, item);
        return;
    }
    LIST_EACH (&r->occupants, at, after) { /* who is something there by itself stays that */
        o = CONTAINER_OF(at, struct occupant, in_room);
        if (is_of_domain(o, item->bare) && room_affiliation(r, str_c(o->bare)) == AFFILIATION_OUTCAST)
            occupant_affiliated(turn, o, AFFILIATION_OUTCAST, actor, item->reason);
    }
}

static void invitations_decided(struct turn *turn, const struct affiliating *what, int result) {
    for (uint32_t i = 0; !result && i < what->invited_count; i++) {
        bool is_last = i + 1 == what->invited_count;
        router_send_kept(turn, what->invitations[i], jid_bare(what->invited[i]), is_last ? &what->origin : NULL);
    }
    if (!result) return;
    struct stanza stanza;
    struct xml_node *el = xml_parse_own(turn->arena, arena_dup(turn->arena, what->message));
    if (el && stanza_read(turn->arena, el, &stanza) == STANZA_ERR_NONE)
        router_send(turn, stanza_error_reply(turn->arena, &stanza, iq_error_of(result), STR("Try again later.")),
                    stanza.from);
    router_decided(turn, &what->origin, what->from, 0, FATE_REFUSED);
}

static void affiliations_apply(struct turn *turn, struct room_change *c, int result) {
    const struct affiliating *what = c->what;
    struct room *r = c->room;
    for (uint32_t i = 0; !result && i < what->items.count; i++) {
        room_person_set(r, &what->people[i]);
        item_apply(turn, r, &what->items.list[i], what->items.actor);
        belonging_send(turn, &what->belongings[i]);
    }
    if (what->invited_count) {
        invitations_decided(turn, what, result);
    } else if (result) {
        iq_later_failed(turn, &c->later, result);
    } else {
        iq_later_answer(turn, &c->later, NULL);
    }
    room_change_free(c);
}

static enum stanza_error affiliations_refused(struct walk *walk, const struct room *r, const struct items *items) {
    enum affiliation own = asker_affiliation(walk, r);
    for (uint32_t i = 0; i < items->count; i++) {
        const struct item *item = &items->list[i];
        enum affiliation old = room_affiliation(r, item->bare);
        if (item->by_nick) return STANZA_ERR_BAD_REQUEST;
        if (own < AFFILIATION_ADMIN) return STANZA_ERR_FORBIDDEN;
        if (!may_affiliate(own, old, item->affiliation)) return STANZA_ERR_NOT_ALLOWED;
        bool is_own = str_eq(item->bare, jid_bare_str(walk->stanza.from));
        if (is_own && item->affiliation == AFFILIATION_OUTCAST) return STANZA_ERR_CONFLICT;
        if (str_some(item->nick) && nick_refused(r, item->nick, item->bare)) return STANZA_ERR_CONFLICT;
    }
    if (owners_after(r, items) == 0) return STANZA_ERR_CONFLICT; /* the last owner stays */
    if (map_count(&r->people) + items->count > PEOPLE_MAX) return STANZA_ERR_RESOURCE_CONSTRAINT;
    return STANZA_ERR_NONE;
}

static bool is_ours(const struct im *im, struct str bare) {
    return router_target(im, jid_trusted(bare), JID_NONE) == TO_ACCOUNT;
}

/* A group's people have it on all their devices; in a room that is open for all one is where one enters. */
static struct belonging belonging_of(struct walk *walk, const struct room *r, struct room_change *c,
                                     const struct item *item, bool is_invited) {
    const struct person *known = room_person(r, item->bare);
    bool before = known && known->affiliation >= AFFILIATION_MEMBER, after = item->affiliation >= AFFILIATION_MEMBER;
    bool is_group = config_is(&r->config, OPTION_MEMBERS_ONLY) && is_ours(walk->im, item->bare);
    enum belonging_kind kind = !after ? BELONGS_NO_MORE : is_invited ? BELONGS_AND_INVITED : BELONGS;
    if (!is_group || before == after) return (struct belonging){.stanza = STR_NONE};
    return belonging_new(walk->turn, r, &r->config, c->arena, item->bare, kind, jid_bare_str(walk->stanza.from));
}

static struct affiliating *affiliating_new(struct walk *walk, struct room *r, struct room_change *c,
                                           const struct items *items, bool is_invited) {
    struct arena *arena = c->arena;
    struct affiliating *what = arena_zalloc(arena, sizeof *what);
    what->items.list = arena_alloc(arena, (items->count + 1) * sizeof(struct item));
    what->people = arena_alloc(arena, (items->count + 1) * sizeof(struct room_person));
    what->belongings = arena_alloc(arena, (items->count + 1) * sizeof(struct belonging));
    what->items.count = items->count;
    what->items.actor = arena_dup(arena, items->actor);
    for (uint32_t i = 0; i < items->count; i++) {
        struct item *item = &what->items.list[i];
        *item = items->list[i];
        item->bare = arena_dup(arena, item->bare);
        item->nick = item->nick.p ? arena_dup(arena, item->nick) : STR_NONE;
        item->reason = item->reason.p ? arena_dup(arena, item->reason) : STR_NONE;
        what->people[i] = person_of(walk, r, item);
        if (what->people[i].nick.p) what->people[i].nick = arena_dup(arena, what->people[i].nick);
        what->belongings[i] = belonging_of(walk, r, c, item, is_invited);
    }
    c->what = what;
    c->write = affiliations_write;
    c->apply = affiliations_apply;
    return what;
}

static void on_affiliations(struct walk *walk, struct room *r, const struct items *items) {
    enum stanza_error error = r->id ? affiliations_refused(walk, r, items) : STANZA_ERR_NOT_ALLOWED;
    if (error) {
        iq_refuse(walk, error, STR_NONE);
        return;
    }
    struct room_change *c = room_change_new(walk, r);
    affiliating_new(walk, r, c, items, false);
    room_change_submit(walk->turn, c);
}

void room_invite(struct walk *walk, struct room *r, const struct jid *people, struct xml_node *const *invitations,
                 uint32_t count, bool admits) {
    struct room_change *c = room_change_new(NULL, r);
    struct items items = {arena_alloc(c->arena, (count + 1) * sizeof(struct item)), 0, STR("")};
    for (uint32_t i = 0; admits && i < count; i++) {
        if (room_affiliation(r, jid_bare_str(people[i])) < AFFILIATION_MEMBER)
            items.list[items.count++] =
                (struct item){.affiliation = AFFILIATION_MEMBER, .bare = jid_bare_str(people[i])};
    }
    struct affiliating *what = affiliating_new(walk, r, c, &items, true);
    what->origin = walk->origin;
    what->from = jid_dup(c->arena, walk->stanza.from);
    what->message = arena_dup(c->arena, xml_string(walk->turn->arena, walk->stanza.el, STR_NONE));
    what->invitations = arena_alloc(c->arena, (count + 1) * sizeof *what->invitations);
    what->invited = arena_alloc(c->arena, (count + 1) * sizeof *what->invited);
    what->invited_count = count;
    for (uint32_t i = 0; i < count; i++) {
        what->invitations[i] = xml_copy_deep(c->arena, invitations[i]);
        what->invited[i] = jid_dup(c->arena, people[i]);
    }
    if (map_count(&r->people) + items.count > PEOPLE_MAX) {
        affiliations_apply(walk->turn, c, ERR_LIMIT);
    } else if (items.count == 0) {
        affiliations_apply(walk->turn, c, 0);
    } else {
        room_change_submit(walk->turn, c);
    }
}

/* Nobody is named twice: what is counted, and who may do what, is looked up before any of it is done. */
static bool is_repeated(const struct items *items, const struct item *item) {
    for (const struct item *other = items->list; other < item; other++) {
        bool same_nick = str_some(item->nick) && str_eq(item->nick, other->nick);
        if (same_nick || (item->bare.p && str_eq(item->bare, other->bare))) return true;
    }
    return false;
}

/* A nick where an address is wanted (9.1, 9.3...) stands for who has it now. */
static bool items_read(struct walk *walk, const struct room *r, struct items *out) {
    struct arena *arena = walk->turn->arena;
    uint32_t count = 0;
    const struct xml_node *first = xml_child(walk->stanza.payload, NS_MUC_ADMIN, STR("item"));
    for (const struct xml_node *el = first; el; el = xml_again(el)) count++;
    *out = (struct items){arena_alloc(arena, (count ? count : 1) * sizeof(struct item)), 0, STR("")};
    if (count == 0 || count > ITEMS_MAX) return false;
    for (const struct xml_node *el = first; el; el = xml_again(el)) {
        struct item *item = &out->list[out->count++];
        if (is_unsound_item(arena, el, item)) return false;
        if (!item->by_nick && !item->bare.p) {
            const struct occupant *o = room_by_nick(r, item->nick);
            if (!o) return false;
            item->bare = arena_dup(arena, str_c(o->bare));
            item->nick = STR_NONE;
        }
        if (is_repeated(out, item)) return false;
    }
    const struct occupant *own = asker_of(walk, r);
    if (own) out->actor = arena_dup(arena, str_c(own->nick));
    return true;
}

static void on_admin_set(struct walk *walk, struct room *r) {
    struct items items;
    if (!items_read(walk, r, &items)) {
        iq_refuse(walk, STANZA_ERR_BAD_REQUEST, STR_NONE);
    } else if (items.list[0].by_nick) {
        on_roles(walk, r, &items);
    } else {
        on_affiliations(walk, r, &items);
    }
}

/* --- the lists --- */

static bool page_read(struct walk *walk, struct rsm_query *out) {
    bool is_sound = rsm_read(walk->turn->arena, walk->stanza.payload, out) == 0 && !out->has_before && !out->has_index;
    if (!is_sound) iq_refuse(walk, STANZA_ERR_BAD_REQUEST, STR_NONE);
    if (!out->has_max || out->max > PAGE) out->max = PAGE;
    return is_sound;
}

/* Occupants from where that page begins, in the order in which they came: its nicks. `role`: only those; ROLE_NONE: all. */
static void list_occupants(struct walk *walk, struct room *r, struct xml_node *query, enum role role,
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

static void add_role(struct turn *turn, struct xml_node *query, const struct occupant *o) {
    struct arena *arena = turn->arena;
    struct xml_node *item = xml_add(arena, query, STR_NONE, STR("item"));
    xml_set(arena, item, STR("nick"), str_c(o->nick));
    xml_set(arena, item, STR("role"), role_name(o->role));
    xml_set(arena, item, STR("affiliation"), affiliation_name(room_affiliation(o->room, str_c(o->bare))));
    xml_set(arena, item, STR("jid"), str_c(o->bare));
}

/* A page of those of one affiliation, by address. Rooms have many thousands: they are read as they are asked for. */
struct people_page {
    struct store_job job;
    struct room *room;
    int64_t id; /* its, as the worker may know it */
    struct iq_later *later;
    struct arena *arena;
    struct xml_node *query;
    enum affiliation affiliation;
    struct str after, first, last;
    uint32_t max, count;
    bool more, asked;
};

static void people_take(void *arg, const struct room_person *p) {
    struct people_page *page = arg;
    if (page->count == page->max) {
        page->more = true;
        return;
    }
    struct arena *arena = page->arena;
    struct xml_node *item = xml_add(arena, page->query, STR_NONE, STR("item"));
    page->last = arena_dup(arena, p->jid);
    if (page->count++ == 0) page->first = page->last;
    xml_set(arena, item, STR("jid"), page->last);
    xml_set(arena, item, STR("affiliation"), affiliation_name(p->affiliation));
    if (str_some(p->nick)) xml_set(arena, item, STR("nick"), arena_dup(arena, p->nick));
    if (str_some(p->reason))
        xml_add_text(arena, xml_add(arena, item, STR_NONE, STR("reason")), arena_dup(arena, p->reason));
}

/* Reader thread. */
static int people_run(struct db *db, struct store_job *job) {
    struct people_page *page = (struct people_page *)job;
    return rooms_people(db, page->id, page->affiliation, page->after, page->max + 1, people_take, page);
}

static void people_done(struct turn *turn, struct store_job *job) {
    struct people_page *page = (struct people_page *)job;
    struct room *r = page->room;
    if (job->result) {
        iq_later_failed(turn, &page->later, job->result);
    } else {
        if (page->more || page->asked) rsm_add(page->arena, page->query, page->first, page->last, -1, -1);
        iq_later_answer(turn, &page->later, page->query);
    }
    arena_free(&page->arena);
    free(page);
    r->jobs--;
    room_settle(turn, r);
}

static void list_affiliation(struct walk *walk, struct room *r, enum affiliation a) {
    struct rsm_query rsm;
    if (!page_read(walk, &rsm)) return;
    struct people_page *page = calloc(1, sizeof *page);
    CHECK(page != NULL);
    page->room = r;
    page->id = r->id;
    page->arena = arena_new();
    page->query = xml_new(page->arena, NS_MUC_ADMIN, STR("query"));
    page->affiliation = a;
    page->after = rsm.has_after ? arena_dup(page->arena, rsm.after) : STR_NONE;
    page->max = rsm.max;
    page->asked = rsm.has_max || rsm.has_after;
    page->later = iq_defer(walk);
    page->job.kind = STORE_READ;
    page->job.slot = r->slot;
    page->job.run = people_run;
    page->job.done = people_done;
    page->job.msg.bytes = sizeof *page;
    r->jobs++;
    store_submit(r->im->server->store, walk->turn, &page->job);
}

/* Who is banned is the admins' business; who belongs to it, that of those who belong to it, where addresses are no secret. */
static bool may_list(const struct walk *walk, const struct room *r, enum affiliation a) {
    enum affiliation own = asker_affiliation(walk, r);
    if (own >= AFFILIATION_ADMIN) return true;
    const struct occupant *o = asker_of(walk, r);
    if (a == AFFILIATION_OUTCAST || a == AFFILIATION_NONE) return false;
    if (o && o->role == ROLE_MODERATOR) return true;
    bool is_open = str_eq(config_get(&r->config, OPTION_WHOIS), STR("anyone"));
    bool for_all = str_eq(config_get(&r->config, OPTION_MEMBER_LIST), STR("participant"));
    return is_open && for_all && (own >= AFFILIATION_MEMBER || (o && o->role >= ROLE_PARTICIPANT));
}

static void on_admin_get(struct walk *walk, struct room *r) {
    const struct xml_node *item = xml_child(walk->stanza.payload, NS_MUC_ADMIN, STR("item"));
    enum affiliation a;
    enum role role;
    const struct occupant *o = asker_of(walk, r);
    if (item && affiliation_of(xml_attr(item, STR("affiliation")), &a)) {
        if (may_list(walk, r, a)) {
            list_affiliation(walk, r, a);
        } else {
            iq_refuse(walk, STANZA_ERR_FORBIDDEN, STR_NONE);
        }
    } else if (item && role_of(xml_attr(item, STR("role")), &role) && role != ROLE_NONE) {
        if (o && o->role == ROLE_MODERATOR) {
            list_occupants(walk, r, xml_new(walk->turn->arena, NS_MUC_ADMIN, STR("query")), role, add_role);
        } else {
            iq_refuse(walk, STANZA_ERR_FORBIDDEN, STR_NONE);
        }
    } else {
        iq_refuse(walk, STANZA_ERR_BAD_REQUEST, STR_NONE);
    }
}

/* Who is there is said to who is there, too. */
static void add_item(struct turn *turn, struct xml_node *query, const struct occupant *o) {
    xml_set(turn->arena, xml_add(turn->arena, query, STR_NONE, STR("item")), STR("jid"), occupant_address(turn, o));
}

static void on_items(struct walk *walk, struct room *r) {
    struct xml_node *query = xml_new(walk->turn->arena, NS_DISCO_ITEMS, STR("query"));
    if (asker_of(walk, r)) {
        list_occupants(walk, r, query, ROLE_NONE, add_item);
    } else {
        iq_answer(walk, query);
    }
}

/* --- settings (10) --- */

struct configuring {
    struct config config;
    struct str text, owner; /* owner: of a room that is made */
    bool is_public;
    int64_t id, now_us;
    uint32_t rooms_max;
    struct belonging belonging; /* the owner's */
};

static int config_write_run(struct db *db, struct room_change *c) {
    struct configuring *what = c->what;
    if (c->room->id) return rooms_set_config(db, c->room->id, what->text, what->is_public);
    uint32_t owned = 0;
    int err = rooms_owned(db, what->owner, what->rooms_max, &owned);
    if (!err && owned >= what->rooms_max) err = ERR_LIMIT;
    struct room_row row = {
        .name = room_local(c->room), .config = what->text, .is_public = what->is_public, .created_us = what->now_us};
    if (!err) err = rooms_add(db, &row, &what->id);
    struct room_person owner = {what->owner, AFFILIATION_OWNER, STR_NONE, STR_NONE, what->now_us};
    if (!err) err = rooms_set_person(db, what->id, &owner);
    return err ? err : belonging_write(db, c->room, &what->belonging);
}

/* Who is there by other rules than before: in a room that is for members now the others have no place; trust and voices change. */
static void config_sort_out(struct turn *turn, struct room *r, const struct config *old) {
    static const int members_only[] = {322, 0};
    bool closed = config_is(&r->config, OPTION_MEMBERS_ONLY) && !config_is(old, OPTION_MEMBERS_ONLY);
    bool was_open = str_eq(config_get(old, OPTION_WHOIS), STR("anyone")),
         is_open = str_eq(config_get(&r->config, OPTION_WHOIS), STR("anyone"));
    LIST_EACH (&r->occupants, at, after) {
        struct occupant *o = CONTAINER_OF(at, struct occupant, in_room);
        struct remark remark = {.codes = members_only};
        if (closed && room_affiliation(r, str_c(o->bare)) < AFFILIATION_MEMBER) {
            occupant_expel(turn, o, &remark);
        } else if (was_open != is_open) {
            occupant_show(turn, o, NULL);
        }
    }
    int codes[3] = {104, 0, 0};
    if (was_open != is_open) codes[1] = is_open ? 172 : 173;
    room_announce(turn, r, codes);
}

static void config_apply(struct turn *turn, struct room_change *c, int result) {
    struct configuring *what = c->what;
    struct room *r = c->room;
    if (result) {
        config_free(&what->config);
        iq_later_failed(turn, &c->later, result);
        room_change_free(c);
        return;
    }
    struct config old = r->config;
    r->config = what->config;
    if (!r->id) {
        r->id = what->id;
        r->is_locked = false;
        belonging_send(turn, &what->belonging);
    } else {
        config_sort_out(turn, r, &old);
    }
    config_free(&old);
    iq_later_answer(turn, &c->later, NULL);
    room_change_free(c);
}

static void configure(struct walk *walk, struct room *r, const struct xml_node *form) {
    struct room_change *c = room_change_new(walk, r);
    struct configuring *what = arena_zalloc(c->arena, sizeof *what);
    struct str wrong;
    if (config_submit(walk->turn->arena, &r->config, form, &what->config, &wrong) != 0) {
        struct str text = ARENA_CONCAT(walk->turn->arena, STR("This is not possible: "), wrong);
        iq_later_refuse(walk->turn, &c->later, STANZA_ERR_NOT_ACCEPTABLE, text);
        room_change_free(c);
        return;
    }
    struct buf text = BUF_INIT;
    config_write(&what->config, &text);
    what->text = arena_dup(c->arena, buf_str(&text));
    buf_free(&text);
    what->is_public = config_is(&what->config, OPTION_PUBLIC);
    what->owner = arena_dup(c->arena, jid_bare_str(walk->stanza.from));
    what->now_us = walk->turn->wall_us;
    what->rooms_max = (uint32_t)walk->im->server->options.rooms;
    if (!r->id && config_is(&what->config, OPTION_MEMBERS_ONLY))
        what->belonging = belonging_new(walk->turn, r, &what->config, c->arena, what->owner, BELONGS, what->owner);
    c->what = what;
    c->write = config_write_run;
    c->apply = config_apply;
    room_change_submit(walk->turn, c);
}

/* --- the end (10.9) --- */

enum { LEAVES_MAX = 1000 /* members who are told at once that their group is no more */ };

struct ending {
    int64_t id;
    struct xml_node *destroy;
    struct belonging *belongings;
    uint32_t count;
};

static int end_write(struct db *db, struct room_change *c) {
    struct ending *what = c->what;
    int err = rooms_end(db, what->id);
    for (uint32_t i = 0; !err && i < what->count; i++) err = belonging_write(db, c->room, &what->belongings[i]);
    return err;
}

static void end_apply(struct turn *turn, struct room_change *c, int result) {
    struct ending *what = c->what;
    struct room *r = c->room;
    if (result) {
        if (c->later) iq_later_failed(turn, &c->later, result);
        room_change_free(c);
        return;
    }
    if (c->later) iq_later_answer(turn, &c->later, NULL);
    struct remark remark = {.destroy = what->destroy};
    r->is_gone = true;
    LIST_EACH (&r->occupants, at, after) occupant_expel(turn, CONTAINER_OF(at, struct occupant, in_room), &remark);
    for (uint32_t i = 0; i < what->count; i++) belonging_send(turn, &what->belongings[i]);
    room_reset(r);
    removal_begin(turn, r->im->server->removal); /* what was said there */
    room_change_free(c);
}

/* Whoever has it in its list enters it again, and would make it anew. */
static void end_belongings(struct turn *turn, const struct room *r, struct room_change *c, struct ending *what) {
    what->belongings = arena_alloc(c->arena, LEAVES_MAX * sizeof *what->belongings);
    bool is_group = config_is(&r->config, OPTION_MEMBERS_ONLY);
    size_t at = 0;
    for (const struct person *p; is_group && what->count < LEAVES_MAX && (p = map_next(&r->people, &at));) {
        if (p->affiliation >= AFFILIATION_MEMBER && is_ours(r->im, person_jid(p)))
            what->belongings[what->count++] =
                belonging_new(turn, r, &r->config, c->arena, person_jid(p), BELONGS_NO_MORE, STR_NONE);
    }
}

void room_end(struct walk *walk, struct turn *turn, struct room *r, const struct xml_node *destroy) {
    struct room_change *c = room_change_new(walk, r);
    struct ending *what = arena_zalloc(c->arena, sizeof *what);
    what->id = r->id;
    if (destroy) what->destroy = xml_copy_deep(c->arena, destroy);
    end_belongings(turn, r, c, what);
    c->what = what;
    c->write = end_write;
    c->apply = end_apply;
    room_change_submit(turn, c);
}

/* As it is told to the others: with the other room to go to, and why. */
static struct xml_node *destroy_told(struct arena *arena, const struct xml_node *asked) {
    struct xml_node *el = xml_new(arena, NS_MUC_USER, STR("destroy"));
    struct jid other;
    struct str jid = xml_attr(asked, STR("jid")), reason = xml_child_text(arena, asked, NS_MUC_OWNER, STR("reason"));
    if (str_some(jid) && jid_parse(arena, jid, &other) == 0) xml_set(arena, el, STR("jid"), jid_str(other));
    if (str_some(reason) && reason.len <= REASON_MAX)
        xml_add_text(arena, xml_add(arena, el, STR_NONE, STR("reason")), reason);
    return el;
}

static void on_owner_set(struct walk *walk, struct room *r) {
    const struct xml_node *query = walk->stanza.payload, *destroy = xml_child(query, NS_MUC_OWNER, STR("destroy")),
                          *form = xml_child(query, NS_DATA, STR("x"));
    struct str type = form ? xml_attr(form, STR("type")) : STR_NONE;
    if (asker_affiliation(walk, r) < AFFILIATION_OWNER) {
        iq_refuse(walk, STANZA_ERR_FORBIDDEN, STR_NONE);
    } else if (destroy && r->id) {
        room_end(walk, walk->turn, r, destroy_told(walk->turn->arena, destroy));
    } else if (destroy || (str_eq(type, STR("cancel")) && r->is_locked)) { /* it never came to be */
        iq_answer(walk, NULL);
        struct xml_node *told = xml_new(walk->turn->arena, NS_MUC_USER, STR("destroy"));
        struct remark remark = {.destroy = told};
        LIST_EACH (&r->occupants, at, after)
            occupant_expel(walk->turn, CONTAINER_OF(at, struct occupant, in_room), &remark);
    } else if (str_eq(type, STR("cancel"))) {
        iq_answer(walk, NULL);
    } else if (str_eq(type, STR("submit"))) {
        configure(walk, r, form);
    } else {
        iq_refuse(walk, STANZA_ERR_BAD_REQUEST, STR_NONE);
    }
}

static void on_owner_get(struct walk *walk, struct room *r) {
    if (asker_affiliation(walk, r) < AFFILIATION_OWNER) {
        iq_refuse(walk, STANZA_ERR_FORBIDDEN, STR_NONE);
        return;
    }
    struct xml_node *query = xml_new(walk->turn->arena, NS_MUC_OWNER, STR("query"));
    xml_append(query, config_form(walk->turn->arena, &r->config));
    iq_answer(walk, query);
}

/* --- a nick of one's own (7.10) --- */

static void on_register_get(struct walk *walk, struct room *r) {
    struct arena *arena = walk->turn->arena;
    struct xml_node *query = xml_new(arena, NS_REGISTER, STR("query"));
    const struct person *p = room_person(r, jid_bare_str(walk->stanza.from));
    if (asker_affiliation(walk, r) == AFFILIATION_OUTCAST) {
        iq_refuse(walk, STANZA_ERR_FORBIDDEN, STR_NONE);
        return;
    }
    if (p && p->nick_len) {
        xml_add(arena, query, STR_NONE, STR("registered"));
        xml_add_text(arena, xml_add(arena, query, STR_NONE, STR("username")), person_nick(p));
    } else {
        struct xml_node *form = form_new(arena, STR("form"), STR("http://jabber.org/protocol/muc#register"));
        struct xml_node *field = form_add(arena, form, STR("text-single"), STR("muc#register_roomnick"), STR_NONE);
        xml_set(arena, field, STR("label"), STR("Your nick in this room"));
        xml_add(arena, field, STR_NONE, STR("required"));
        xml_append(query, form);
    }
    iq_answer(walk, query);
}

struct registering {
    struct room_person person;
    struct belonging belonging; /* who leaves a group */
};

static int nick_write(struct db *db, struct room_change *c) {
    const struct registering *what = c->what;
    int err = rooms_set_person(db, c->room->id, &what->person);
    return err ? err : belonging_write(db, c->room, &what->belonging);
}

static void nick_apply(struct turn *turn, struct room_change *c, int result) {
    const struct registering *what = c->what;
    struct room *r = c->room;
    if (result) {
        iq_later_failed(turn, &c->later, result);
        room_change_free(c);
        return;
    }
    room_person_set(r, &what->person);
    iq_later_answer(turn, &c->later, NULL);
    belonging_send(turn, &what->belonging);
    enum affiliation a = what->person.affiliation;
    struct occupant *o = room_by_bare(r, what->person.jid);
    if (o && o->role != room_role_for(r, a)) occupant_affiliated(turn, o, a, STR_NONE, STR_NONE);
    room_change_free(c);
}

/* Who registers is a member; where only members come in, or speak, they are made by its admins: there one has but the nick. */
static void on_register_set(struct walk *walk, struct room *r) {
    struct arena *arena = walk->turn->arena;
    const struct xml_node *query = walk->stanza.payload, *form = xml_child(query, NS_DATA, STR("x"));
    bool is_leave = xml_child(query, NS_REGISTER, STR("remove")) != NULL;
    struct str nick = form ? form_value(arena, form_field(form, STR("muc#register_roomnick"))) : STR_NONE, sound;
    struct str bare = jid_bare_str(walk->stanza.from);
    enum affiliation own = asker_affiliation(walk, r);
    struct items none = {&(struct item){.bare = bare, .affiliation = AFFILIATION_NONE}, 1, STR_NONE};
    enum stanza_error error = STANZA_ERR_NONE;
    if (!r->id || own == AFFILIATION_OUTCAST) {
        error = STANZA_ERR_FORBIDDEN;
    } else if (is_leave) {
        if (own == AFFILIATION_OWNER && owners_after(r, &none) == 0) error = STANZA_ERR_CONFLICT;
    } else if (own < AFFILIATION_MEMBER && config_is(&r->config, OPTION_MEMBERS_ONLY)) {
        error = STANZA_ERR_NOT_ALLOWED;
    } else if (!str_some(nick) || jid_prepare_resource(arena, nick, &sound) != 0) {
        error = STANZA_ERR_BAD_REQUEST;
    } else if (nick_refused(r, sound, bare)) {
        error = STANZA_ERR_CONFLICT;
    } else if (map_count(&r->people) >= PEOPLE_MAX) {
        error = STANZA_ERR_RESOURCE_CONSTRAINT;
    }
    if (error) {
        iq_refuse(walk, error, STR_NONE);
        return;
    }
    struct room_change *c = room_change_new(walk, r);
    struct registering *what = arena_zalloc(c->arena, sizeof *what);
    const struct person *known = room_person(r, bare);
    bool belonged = own >= AFFILIATION_MEMBER, gives_voice = config_is(&r->config, OPTION_MODERATED);
    what->person.jid = arena_dup(c->arena, bare);
    what->person.since_us = known && belonged ? known->since_us : walk->turn->wall_us;
    what->person.affiliation = is_leave ? AFFILIATION_NONE : belonged || gives_voice ? own : AFFILIATION_MEMBER;
    if (!is_leave) what->person.nick = arena_dup(c->arena, sound);
    if (is_leave && belonged && config_is(&r->config, OPTION_MEMBERS_ONLY))
        what->belonging = belonging_new(walk->turn, r, &r->config, c->arena, bare, BELONGS_NO_MORE, bare);
    c->what = what;
    c->write = nick_write;
    c->apply = nick_apply;
    room_change_submit(walk->turn, c);
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

/* --- all of it --- */

static void on_ping(struct walk *walk, struct room *r) {
    (void)r;
    iq_answer(walk, NULL);
}

static void on_disco_info(struct walk *walk, struct room *r) {
    struct str node = xml_attr(walk->stanza.payload, STR("node"));
    if (str_eq(node, STR("x-roomuser-item"))) {
        on_own_nick(walk, r);
    } else if (node.p) {
        iq_refuse(walk, STANZA_ERR_ITEM_NOT_FOUND, STR_NONE);
    } else {
        on_info(walk, r);
    }
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

/* --- the service (6.1, 6.3) --- */

struct listing {
    struct store_job job;
    struct iq_later *later;
    struct arena *arena;
    struct xml_node *query;
    struct str after, first, last, domain;
    uint32_t max, count;
    bool more;
};

static void listing_take(void *arg, struct str name, struct str config) {
    struct listing *l = arg;
    if (l->count == l->max) {
        l->more = true;
        return;
    }
    struct config c = {0};
    config_read(&c, config);
    struct str title = config_get(&c, OPTION_NAME);
    l->last = arena_dup(l->arena, name);
    if (l->count++ == 0) l->first = l->last;
    struct xml_node *item = xml_add(l->arena, l->query, STR_NONE, STR("item"));
    xml_set(l->arena, item, STR("jid"), ARENA_CONCAT(l->arena, name, STR("@"), l->domain));
    xml_set(l->arena, item, STR("name"), str_some(title) ? arena_dup(l->arena, title) : l->last);
    config_free(&c);
}

/* Reader thread. */
static int listing_run(struct db *db, struct store_job *job) {
    struct listing *l = (struct listing *)job;
    return rooms_public(db, l->after, l->max + 1, listing_take, l);
}

static void listing_done(struct turn *turn, struct store_job *job) {
    struct listing *l = (struct listing *)job;
    if (job->result) {
        iq_later_failed(turn, &l->later, job->result);
    } else {
        if (l->more || str_some(l->after)) rsm_add(l->arena, l->query, l->first, l->last, -1, -1);
        iq_later_answer(turn, &l->later, l->query);
    }
    arena_free(&l->arena);
    free(l);
}

static void on_rooms(struct walk *walk) {
    struct rsm_query rsm;
    if (!page_read(walk, &rsm)) return;
    struct listing *l = calloc(1, sizeof *l);
    CHECK(l != NULL);
    l->arena = arena_new();
    l->query = xml_new(l->arena, NS_DISCO_ITEMS, STR("query"));
    l->domain = arena_dup(l->arena, jid_domain(walk->stanza.to));
    l->after = rsm.has_after ? arena_dup(l->arena, rsm.after) : STR_NONE;
    l->max = rsm.max;
    l->later = iq_defer(walk);
    l->job.kind = STORE_READ;
    l->job.slot = slot_of(walk->turn->shard->hub, l->domain);
    l->job.run = listing_run;
    l->job.done = listing_done;
    l->job.msg.bytes = sizeof *l;
    store_submit(walk->im->server->store, walk->turn, &l->job);
}

void service_iq_on(struct walk *walk) {
    if (stanza_is_answer(&walk->stanza)) return;
    const struct xml_node *payload = walk->stanza.payload;
    if (walk->stanza.type != IQ_GET || !jid_is_bare(walk->stanza.to)) {
        iq_refuse(walk, STANZA_ERR_SERVICE_UNAVAILABLE, STR_NONE);
    } else if (xml_is(payload, NS_DISCO_INFO, STR("query")) && !xml_attr(payload, STR("node")).p) {
        iq_answer(walk, info_new(walk->turn->arena, STR("Groups")));
    } else if (xml_is(payload, NS_DISCO_ITEMS, STR("query"))) {
        on_rooms(walk);
    } else if (xml_is(payload, NS_PING, STR("ping"))) {
        iq_answer(walk, NULL);
    } else {
        iq_refuse(walk, STANZA_ERR_SERVICE_UNAVAILABLE, STR_NONE);
    }
}
