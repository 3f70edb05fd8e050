/*
 * admin.c: who is what in a room (XEP-0045 sections 8 to 10, muc#admin): roles, affiliations, invitations, and the lists of them. A change of affiliations
 * goes to the store first; it is in force, told and answered after the commit.
 */
#include <stdlib.h>

#include "base/check.h"
#include "base/err.h"
#include "features/muc/room.h"
#include "im/iq.h"
#include "im/router.h"
#include "xml/writer.h"
#include "xmpp/ns.h"

enum { ITEMS_MAX = 100 };

/* --- what is asked for --- */

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
    out->reason = reason.len <= ROOM_REASON_MAX ? reason : STR_NONE;
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
    uint32_t owners = room_owners(r);
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
    if (map_count(&r->people) + items->count > ROOM_PEOPLE_MAX) return STANZA_ERR_RESOURCE_CONSTRAINT;
    return STANZA_ERR_NONE;
}

/* A group's people have it on all their devices; in a room that is open for all one is where one enters. */
static struct belonging belonging_of(struct walk *walk, const struct room *r, struct room_change *c,
                                     const struct item *item, bool is_invited) {
    const struct person *known = room_person(r, item->bare);
    bool before = known && known->affiliation >= AFFILIATION_MEMBER, after = item->affiliation >= AFFILIATION_MEMBER;
    enum belonging_kind kind = !after ? BELONGS_NO_MORE : is_invited ? BELONGS_AND_INVITED : BELONGS;
    if (!config_is(&r->config, OPTION_MEMBERS_ONLY) || before == after) return (struct belonging){.stanza = STR_NONE};
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
    if (map_count(&r->people) + items.count > ROOM_PEOPLE_MAX) {
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

void on_admin_set(struct walk *walk, struct room *r) {
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

void on_admin_get(struct walk *walk, struct room *r) {
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
