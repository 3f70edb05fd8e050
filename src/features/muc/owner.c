/* owner.c: a room's settings and its end (XEP-0045 section 10, muc#owner): at the store first, then in force, told and answered. */
#include "base/err.h"
#include "features/muc/room.h"
#include "im/iq.h"
#include "im/removal.h"
#include "xmpp/form.h"
#include "xmpp/ns.h"

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
        if (p->affiliation >= AFFILIATION_MEMBER)
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
    if (str_some(reason) && reason.len <= ROOM_REASON_MAX)
        xml_add_text(arena, xml_add(arena, el, STR_NONE, STR("reason")), reason);
    return el;
}

void on_owner_set(struct walk *walk, struct room *r) {
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

void on_owner_get(struct walk *walk, struct room *r) {
    if (asker_affiliation(walk, r) < AFFILIATION_OWNER) {
        iq_refuse(walk, STANZA_ERR_FORBIDDEN, STR_NONE);
        return;
    }
    struct xml_node *query = xml_new(walk->turn->arena, NS_MUC_OWNER, STR("query"));
    xml_append(query, config_form(walk->turn->arena, &r->config));
    iq_answer(walk, query);
}
